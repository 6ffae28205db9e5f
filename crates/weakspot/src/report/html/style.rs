//! The page's looks: system faces, two colour schemes, narrow screens, paper.

/// The style sheet, embedded in the page.
pub(in crate::report) const CSS: &str = "
:root{--bg:#fff;--fg:#1b1f24;--soft:#57606a;--line:#d5dae0;--card:#f4f6f8;--link:#005a9c;--mark:#9a3b00}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e4e8ec;--soft:#a3adb8;--line:#343b44;--card:#1d2228;\
--link:#7cc0f5;--mark:#ff9f5c}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:66rem;padding:1.5rem 1.25rem 4rem;background:var(--bg);color:var(--fg);\
font:1rem/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif;overflow-wrap:anywhere}
h1{font-size:1.7rem;line-height:1.2;margin:.1rem 0 .4rem}
h2{font-size:1.3rem;margin:2.6rem 0 .6rem;padding-top:.6rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}
p,li,dd{max-width:46rem}
.kind{margin:0;color:var(--soft);font-size:.85rem;letter-spacing:.06em;text-transform:uppercase}
.lead{margin:.2rem 0 .8rem;color:var(--soft)}
nav a{margin-right:1rem;white-space:nowrap}
a{color:var(--link)}
#verdict{margin-top:1.2rem;padding:1rem 1.2rem 1.2rem;background:var(--card);border-left:5px solid var(--link);\
border-radius:4px}
#verdict h2{margin:0 0 .4rem;padding:0;border:0}
#verdict .first{font-size:1.2rem;line-height:1.4;font-weight:600;margin:.2rem 0 .8rem}
ul{padding-left:1.2rem}
li{margin:.3rem 0}
dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.35rem 1.2rem;margin:.6rem 0}
dt{font-weight:600}
dd{margin:0}
.scroll{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);\
overflow-wrap:normal}
th{border-bottom-width:2px;white-space:nowrap}
#verdict th{white-space:normal;overflow-wrap:anywhere;min-width:6rem}
td.long{overflow-wrap:anywhere;min-width:12rem}
td.n,th.n{text-align:right;white-space:nowrap}
tr.strong td{font-weight:700}
.note,figcaption{color:var(--soft);font-size:.9rem;max-width:46rem}
figure{margin:1.2rem 0 2.2rem}
figure .scroll{background:#fff;border:1px solid var(--line);border-radius:4px}
img{display:block;max-width:100%;height:auto;margin:0 auto}
.flag{margin:.8rem 0;padding:.5rem .9rem;border-left:4px solid var(--mark);background:var(--card)}
.flag p{margin:.15rem 0}
summary{cursor:pointer;margin:.8rem 0;color:var(--link)}
code{font-family:ui-monospace,Consolas,'DejaVu Sans Mono',monospace;font-size:.88em}
@media (max-width:40rem){img{max-width:none;width:46rem}dl{display:block}dd{margin:0 0 .6rem}\
body{padding:1rem .9rem 3rem}#verdict{padding:.8rem .9rem}#verdict .first{font-size:1.08rem}\
th,td{padding:.3rem .45rem}}
@media print{:root{--bg:#fff;--fg:#000;--soft:#333;--line:#bbb;--card:#fff;--link:#000;--mark:#000}\
body{max-width:none;padding:0;font-size:10pt}nav{display:none}figure,.flag,tr{break-inside:avoid}\
h2,h3{break-after:avoid}.scroll{overflow:visible}table{font-size:7.5pt}th,td{padding:.1rem .25rem}\
th{white-space:normal}}
";
