//! Numbers with a direction, a range and a definition: SSIM, overlap, intervals, paired tests, spatial
//! statistics.
