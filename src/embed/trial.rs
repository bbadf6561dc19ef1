//! Trying a model out: what must hold of every vector, and where on the scale of cosines the model stands.

use crate::error::{Error, Result};

use super::Scratch;
use super::description::{Description, Kind, Scale};
use super::model::Model;

/// Questions, each with its answer, from walks of life far enough apart that no answer fits another question.
const PAIRS: [(&str, &str); 10] = [
    ("How do I reset my password?", "Choose “Forgot password” on the sign-in page; we mail you a link with which you set a new password."),
    ("When will my parcel arrive?", "Orders are shipped within one working day, and the carrier delivers them two to four days later."),
    ("Can I bring my dog to the hotel?", "Pets are welcome in our ground-floor rooms for a fee of 15 euros a night."),
    ("What is the boiling point of water?", "At sea level, water boils at 100 degrees Celsius."),
    ("How often should I water a cactus?", "Succulents need little: give the plant water every two weeks in summer and hardly any in winter."),
    ("Who may claim a refund?", "Customers who return an unused item within 30 days get their money back."),
    ("Which team won the football match?", "The visitors scored twice in the second half and took the game 2 to 1."),
    ("How long does the bread bake?", "Put the loaf into the oven at 230 degrees and take it out after forty minutes."),
    ("Is there a train to the airport at night?", "After midnight, the express line runs to the terminals once an hour."),
    ("How do I connect the printer to the wireless network?", "Open the device's settings, select Wi-Fi, pick your network and type its key."),
];

/// With less between the two, a model tells nothing apart, and no scale mends that.
const LEAST_DIFFERENCE: f32 = 0.02;

/// Of the questions, so many must have their own answer ranked first for a reranker to be one; by chance it is one.
const LEAST_RIGHT: usize = 6;

/// What a trial found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trial {
    /// Where the cosines stand.
    Embedding(Scale),
    /// How many questions had their own answer first.
    Reranker { right: usize },
}

impl Trial {
    pub fn tells_apart(&self) -> bool {
        match self {
            Trial::Embedding(scale) => scale.related - scale.unrelated > LEAST_DIFFERENCE && scale.related < 0.999,
            Trial::Reranker { right } => *right >= LEAST_RIGHT,
        }
    }

    pub fn scale(&self) -> Scale {
        match self {
            Trial::Embedding(scale) if self.tells_apart() => *scale,
            _ => Scale::default(),
        }
    }
}

/// Loads the model, and looks at what it makes of questions and answers.
///
/// # Errors
/// `unavailable` with a sentence that says what is wrong.
pub fn try_out(model: &Model, description: &Description) -> Result<Trial> {
    match description.kind {
        Kind::Embedding => embed(model, description),
        Kind::Reranker => rerank(model, description),
    }
}

fn rerank(model: &Model, description: &Description) -> Result<Trial> {
    let (tokenizer, engine) = (model.tokenizer()?, model.cross_encoder()?);
    let unusable = |why: String| Error::unavailable(format!("The model does not work: {why}."));
    let score = |question: &str, answer: &str| {
        let (ids, second) = tokenizer.encode_pair(question, answer, description.max_tokens, description.family.marks_between());
        engine.score(ids, second, &mut Scratch::default(), &mut || {}).map_err(&unusable)
    };
    let mut all = Vec::new();
    let mut right = 0;
    for (place, (question, _)) in PAIRS.iter().enumerate() {
        let scores = PAIRS.iter().map(|(_, answer)| score(question, answer)).collect::<Result<Vec<f32>>>()?;
        let others = scores.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, score)| *score);
        right += usize::from(scores[place] > others.fold(f32::MIN, f32::max));
        all.extend(scores);
    }
    // As long as a pair can be.
    score(PAIRS[0].0, &PAIRS.map(|(_, answer)| answer).join(" ").repeat(description.max_tokens / 64 + 1))?;
    if all.iter().all(|score| (score - all[0]).abs() < 1e-6) {
        return Err(unusable("every pair has the same score".into()));
    }
    Ok(Trial::Reranker { right })
}

/// Embeds, and looks at every vector.
fn embed(model: &Model, description: &Description) -> Result<Trial> {
    let (tokenizer, engine) = (model.tokenizer()?, model.engine()?);
    let unusable = |why: String| Error::unavailable(format!("The model does not work: {why}."));
    let ids = |prefix: &str, text: &str| tokenizer.encode(&format!("{prefix}{text}"), description.max_tokens);
    let mut texts: Vec<Vec<u32>> = PAIRS.iter().map(|(question, _)| ids(&description.query_prefix, question)).collect();
    texts.extend(PAIRS.iter().map(|(_, answer)| ids(&description.passage_prefix, answer)));
    // As long as a text can be.
    texts.push(ids(&description.passage_prefix, &PAIRS.map(|(_, answer)| answer).join(" ").repeat(description.max_tokens / 64 + 1)));
    let vectors = engine.encode(&texts, &mut Scratch::default(), &mut || {}).map_err(&unusable)?;
    for vector in &vectors {
        if vector.len() != description.dimensions {
            return Err(unusable(format!("a vector has {} numbers instead of {}", vector.len(), description.dimensions)));
        }
        if vector.iter().any(|value| !value.is_finite()) {
            return Err(unusable("a vector has a number that is not finite".into()));
        }
        let length = dot(vector, vector).sqrt();
        if (length - 1.0).abs() > 1e-3 {
            return Err(unusable(format!("a vector's length is {length} instead of 1")));
        }
    }
    let (mut related, mut unrelated) = (0.0, 0.0);
    let count = PAIRS.len();
    for (place, question) in vectors[..count].iter().enumerate() {
        for (other, answer) in vectors[count..2 * count].iter().enumerate() {
            *(if place == other { &mut related } else { &mut unrelated }) += dot(question, answer);
        }
    }
    if vectors[1..].iter().all(|vector| dot(vector, &vectors[0]) > 0.999_99) {
        return Err(unusable("every text has the same vector".into()));
    }
    Ok(Trial::Embedding(Scale { related: related / count as f32, unrelated: unrelated / (count * (count - 1)) as f32 }))
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_brings_a_model_where_ours_is_and_keeps_the_order() {
        let (ours, e5) = (Scale::default(), Scale { related: 0.85, unrelated: 0.72 });
        let scale = Trial::Embedding(e5).scale();
        for (cosine, expected) in [(0.85, ours.related), (0.72, ours.unrelated), (1.0, 1.0)] {
            assert!((scale.apply(cosine) - expected).abs() < 1e-5, "{cosine}");
        }
        let scaled: Vec<f32> = (-100..=100).map(|value| scale.apply(value as f32 / 100.0)).collect();
        assert!(scaled.is_sorted_by(|left, right| left < right));
        assert_eq!(Trial::Embedding(Scale { related: 0.5, unrelated: 0.495 }).scale(), ours);
        assert_eq!(ours.apply(0.3), 0.3);
    }

    #[test]
    fn the_scale_is_that_of_the_model_in_the_executable() {
        let model = Model::builtin();
        let Trial::Embedding(found) = try_out(&model, &model.description().unwrap()).unwrap() else { panic!("it embeds") };
        let ours = Scale::default();
        assert!((found.related - ours.related).abs() < 0.01 && (found.unrelated - ours.unrelated).abs() < 0.01, "{found:?}");
    }
}
