//! Puts what the executable carries into the build's own folder: the embedding model and the web assets.

#[path = "web/build.rs"]
mod web;

fn main() {
    web::build();
}
