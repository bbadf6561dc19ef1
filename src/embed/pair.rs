//! The models of a server: the one that questions are asked with, and, while everything is embedded anew, the one that is to
//! follow it.

use std::sync::Arc;

use parking_lot::RwLock;

use super::Embedder;

/// Cheap to clone; all clones see a switch.
#[derive(Clone)]
pub struct Embedders(Arc<RwLock<Pair>>);

struct Pair {
    serving: Embedder,
    coming: Option<Embedder>,
}

impl Embedders {
    pub fn new(serving: Embedder, coming: Option<Embedder>) -> Self {
        Embedders(Arc::new(RwLock::new(Pair { serving, coming })))
    }

    pub fn serving(&self) -> Embedder {
        self.0.read().serving.clone()
    }

    pub fn coming(&self) -> Option<Embedder> {
        self.0.read().coming.clone()
    }

    /// All there are, the serving one first.
    pub fn all(&self) -> Vec<Embedder> {
        let pair = self.0.read();
        std::iter::once(&pair.serving).chain(&pair.coming).cloned().collect()
    }

    pub fn by_id(&self, id: &str) -> Option<Embedder> {
        self.all().into_iter().find(|embedder| embedder.info().id == id)
    }

    /// Which one is to follow, if any.
    pub fn set_coming(&self, coming: Option<Embedder>) {
        self.0.write().coming = coming;
    }

    /// From now on questions are asked with this one.
    pub fn serve(&self, embedder: Embedder) {
        let mut pair = self.0.write();
        if pair.coming.as_ref().is_some_and(|coming| coming.info().id == embedder.info().id) {
            pair.coming = None;
        }
        pair.serving = embedder;
    }
}
