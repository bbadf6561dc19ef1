//! Puts what the executable carries into the build's own folder: the embedding model and the web assets.

fn main() {}
