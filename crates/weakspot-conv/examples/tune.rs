use std::time::Instant;
use weakspot_conv::*;
fn main() {
    let a: Vec<usize> = std::env::args().skip(1).map(|v| v.parse().unwrap()).collect();
    let (n, px) = (a[0], a[1]);
    let mode = a.get(2).copied().unwrap_or(7);
    rayon::ThreadPoolBuilder::new().num_threads(2).build_global().unwrap();
    let cfg = [
        (3, 64, 1),
        (64, 64, 1),
        (64, 128, 2),
        (128, 128, 2),
        (128, 256, 4),
        (256, 256, 4),
        (256, 256, 4),
        (256, 512, 8),
        (512, 512, 8),
        (512, 512, 8),
        (512, 512, 16),
        (512, 512, 16),
        (512, 512, 16),
    ];
    let mut tot = [0.0; 4];
    for (i, &(ci, co, d)) in cfg.iter().enumerate() {
        let s = px / d;
        let shape = ConvShape::new(ci, co, (3, 3), (1, 1), [1; 4], (s, s)).unwrap();
        let w: Vec<f32> = (0..shape.weights_len()).map(|i| (i as f32 * 0.37).sin() * 0.05).collect();
        let mut c = Convolution::new(shape, &w, vec![0.1; co], Method::Fast).unwrap();
        let x: Vec<f32> = (0..n * shape.input_len()).map(|i| (i as f32 * 0.11).sin()).collect();
        let mut y = vec![0.0; n * shape.output_len()];
        let mut dx = x.clone();
        let mut dw = w.clone();
        let mut db = vec![0.0; co];
        let mut gates = Gates::closed(n * s * s, co);
        let gin = Gates::relu(&mut x.clone(), ci).unwrap();
        let fl = 2.0 * 9.0 * (ci * co * s * s * n) as f64;
        let mut t = [vec![], vec![], vec![], vec![]];
        for _ in 0..9 {
            if mode & 1 > 0 {
                let b = Instant::now();
                c.forward(n, &x, Activation::Gated(&mut gates), &mut y).unwrap();
                t[0].push(b.elapsed().as_secs_f64());
            }
            if mode & 2 > 0 {
                let b = Instant::now();
                c.input_gradient(n, &y, Some(&gin), &mut dx).unwrap();
                t[1].push(b.elapsed().as_secs_f64());
            }
            if mode & 4 > 0 {
                let b = Instant::now();
                c.weight_gradient(n, &x, &y, &mut dw, &mut db).unwrap();
                t[2].push(b.elapsed().as_secs_f64());
            }
            if mode & 8 > 0 {
                c.parameters_mut();
                let b = Instant::now();
                c.forward(0, &[], Activation::Relu, &mut []).unwrap();
                c.input_gradient(0, &[], None, &mut []).unwrap();
                t[3].push(b.elapsed().as_secs_f64());
            }
        }
        print!("{i:2} {ci:4}->{co:4} {s:4}");
        for k in 0..4 {
            if t[k].is_empty() {
                continue;
            }
            t[k].sort_by(f64::total_cmp);
            let m = t[k][t[k].len() / 4];
            tot[k] += m;
            print!("  {:8.2} ms {:6.0} GF/s", m * 1e3, fl / m / 1e9);
        }
        println!();
    }
    println!("total {:?}", tot.map(|v| (v * 1e4).round() / 10.0));
}
