//! Puts what the executable carries into the build's own folder: the embedding model and the web assets.

#[path = "models/build.rs"]
mod model;
#[path = "web/build.rs"]
mod web;

fn main() {
    model::build();
    web::build();
}
