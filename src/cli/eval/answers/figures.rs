//! What the answers come to.

use serde::{Deserialize, Serialize};

use super::questions::Asked;
use crate::{
    answering::{self, ChatAnswer},
    cli::print_line,
    embed::Embedder,
    error::Result,
};

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    questions: usize,
    answerable: usize,
    /// Of the answerable: answered at all, and from a right page.
    answered: usize,
    right_page: usize,
    off_topic: usize,
    refused: usize,
    /// Of the built-in answerer's answers.
    cited_sentences: usize,
    supported_sentences: usize,
    repeated_sentences: usize,
    fragments: usize,
    longest_words: usize,
    /// Of what the answers had to say: all of it, and what they said.
    facts: usize,
    found_facts: usize,
    /// A text that cites wrongly on purpose: sentences of the passages under wrong numbers, and invented ones.
    pub scripted: Scripted,
    per_question: Vec<Outcome>,
}

/// One question's answer; what `--baseline` compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    pub question: String,
    /// Whether there is an answer to give.
    pub answerable: bool,
    pub answered: bool,
    pub right_page: bool,
    /// Facts that the answer does not say.
    pub missing: Vec<String>,
}

impl Outcome {
    pub(super) fn new(question: &Asked, answer: &ChatAnswer, right_page: bool) -> Outcome {
        let says = |fact: &String| answer.answered && (answer.content.to_lowercase().contains(&fact.to_lowercase()) || answering::supports(fact, &answer.content));
        Outcome {
            question: question.text.clone(),
            answerable: !question.pages.is_empty() || !question.facts.is_empty(),
            answered: answer.answered,
            right_page: answer.answered && right_page,
            missing: question.facts.iter().filter(|fact| !says(fact)).cloned().collect(),
        }
    }

    /// In which way this is worse than it was.
    pub(super) fn worse_than(&self, before: &Outcome) -> Option<String> {
        let lost: Vec<&str> = self.missing.iter().filter(|fact| !before.missing.contains(fact)).map(String::as_str).collect();
        if self.answerable && before.answered && !self.answered {
            Some("is refused now".to_owned())
        } else if !self.answerable && !before.answered && self.answered {
            Some("is answered now, and nothing answers it".to_owned())
        } else if before.right_page && !self.right_page {
            Some("comes from another page now".to_owned())
        } else {
            (!lost.is_empty()).then(|| format!("does not say any more: {}", lost.join("; ")))
        }
    }
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scripted {
    sentences: usize,
    cited: usize,
    supported: usize,
    invented: usize,
    invented_cited: usize,
}

impl Figures {
    /// `passages` are those that the answer was made from, with their documents' ids, where they are known.
    pub(super) fn count(&mut self, question: &Asked, answer: &ChatAnswer, passages: &[(String, String)], right: bool) {
        let outcome = Outcome::new(question, answer, right);
        if outcome.answerable {
            self.answerable += 1;
            self.answered += usize::from(outcome.answered);
            self.right_page += usize::from(outcome.right_page);
        } else {
            self.off_topic += 1;
            self.refused += usize::from(!answer.answered);
        }
        self.facts += question.facts.len();
        self.found_facts += question.facts.len() - outcome.missing.len();
        self.per_question.push(outcome);
        if !answer.answered {
            return;
        }
        self.longest_words = self.longest_words.max(answer.content.split_whitespace().count());
        let mut told: Vec<&str> = Vec::new();
        let mut in_code = false;
        for (sentence, start, end) in answering::told_sentences(&answer.content) {
            let Some(citation) = answer.citations.iter().find(|citation| citation.start <= start && end <= citation.end) else { continue };
            let fence = sentence.starts_with("```");
            in_code ^= fence;
            let is_prose = !in_code && !fence && !sentence.starts_with('|');
            self.cited_sentences += usize::from(!passages.is_empty());
            let source = answer.sources.iter().find(|source| source.index == citation.index);
            let supported = source.is_some_and(|source| passages.iter().any(|(id, text)| *id == source.document_id && answering::supports(sentence, text)));
            self.supported_sentences += usize::from(supported);
            self.repeated_sentences += usize::from(is_prose && told.contains(&sentence));
            let begins = sentence.trim_start_matches(['"', '(', '“', '-', '*', ' ', '`', '\'']).chars().next().is_some_and(|c| !c.is_lowercase());
            self.fragments += usize::from(is_prose && told.is_empty() && !begins);
            told.push(sentence);
        }
    }
}

impl Scripted {
    /// The first sentences of three passages under each other's numbers, and one of somewhere else.
    pub(super) async fn count(&mut self, embedder: &Embedder, passages: &[(String, String)], elsewhere: Option<&str>) {
        let numbered: Vec<(i64, &str)> = (1..).zip(passages.iter().map(|(_, text)| text.as_str())).take(6).collect();
        let first = |text: &'_ str| answering::told_sentences(text).first().map(|(sentence, ..)| (*sentence).to_owned());
        let mut written: Vec<(String, Option<i64>)> = numbered.iter().take(3).filter_map(|(index, text)| Some((first(text)?, Some(*index)))).collect();
        if let Some(sentence) = elsewhere.and_then(first).filter(|sentence| numbered.iter().all(|(_, text)| !text.contains(sentence.as_str()))) {
            written.push((sentence, None));
        }
        let text: String = written.iter().map(|(sentence, source)| format!("{sentence} [{}]\n\n", source.map_or(1, |source| source % 3 + 1))).collect();
        let (shown, citations) = answering::shown_and_cited(embedder, &text, &numbered).await;
        for (sentence, start, end) in answering::told_sentences(&shown) {
            let truth = written.iter().find(|(written, _)| written.contains(sentence)).and_then(|(_, source)| *source);
            let cited = citations.iter().find(|citation| citation.start <= start && end <= citation.end).map(|citation| citation.index);
            self.sentences += 1;
            self.invented += usize::from(truth.is_none());
            if let Some(index) = cited {
                self.cited += 1;
                let holds = numbered.iter().any(|(number, text)| *number == index && answering::supports(sentence, text));
                self.supported += usize::from(holds);
                self.invented_cited += usize::from(truth.is_none() && !holds);
            }
        }
    }
}

impl Figures {
    pub(super) fn of(questions: usize) -> Figures {
        Figures { questions, ..Figures::default() }
    }

    pub(super) fn supported_share(&self) -> f64 {
        self.supported_sentences as f64 / self.cited_sentences.max(1) as f64
    }

    /// The questions whose answers got worse since `before`, with what is worse.
    pub(super) fn worse_than(&self, before: &[Outcome]) -> Vec<(&str, String)> {
        let known = |now: &Outcome| before.iter().find(|before| before.question == now.question);
        self.per_question.iter().filter_map(|now| Some((now.question.as_str(), now.worse_than(known(now)?)?))).collect()
    }
}

pub(super) fn print_table(figures: &Figures) -> Result<()> {
    let share = |part: usize, of: usize| format!("{part} of {of} ({:.1} %)", 100.0 * part as f64 / of.max(1) as f64);
    print_line(&format!("questions            {}", figures.questions))?;
    print_line(&format!("answered             {}", share(figures.answered, figures.answerable)))?;
    print_line(&format!("from a right page    {}", share(figures.right_page, figures.answerable)))?;
    if figures.off_topic > 0 {
        print_line(&format!("off topic, refused   {}", share(figures.refused, figures.off_topic)))?;
    }
    if figures.facts > 0 {
        print_line(&format!("facts that are said  {}", share(figures.found_facts, figures.facts)))?;
    }
    if figures.cited_sentences == 0 {
        return Ok(());
    }
    print_line(&format!("cited and supported  {}", share(figures.supported_sentences, figures.cited_sentences)))?;
    print_line(&format!("repeated sentences   {}, fragments {}, longest answer {} words", figures.repeated_sentences, figures.fragments, figures.longest_words))?;
    let scripted = &figures.scripted;
    print_line(&format!("a text that cites wrongly: {} sentences, cited {}, of these supported {}", scripted.sentences, scripted.cited, share(scripted.supported, scripted.cited)))?;
    print_line(&format!("invented sentences that were cited  {}", share(scripted.invented_cited, scripted.invented)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(answered: bool, right_page: bool, missing: &[&str]) -> Outcome {
        Outcome { question: "How long?".into(), answerable: true, answered, right_page, missing: missing.iter().map(|fact| (*fact).to_owned()).collect() }
    }

    #[test]
    fn worse_is_what_was_right_before() {
        let good = outcome(true, true, &["two years"]);
        assert_eq!(good.worse_than(&good), None);
        assert_eq!(good.worse_than(&outcome(false, false, &["30 days", "two years"])), None);
        assert!(outcome(false, false, &["two years"]).worse_than(&good).unwrap().contains("refused"));
        assert!(outcome(true, false, &["two years"]).worse_than(&good).unwrap().contains("another page"));
        assert_eq!(outcome(true, true, &["30 days", "two years"]).worse_than(&good).unwrap(), "does not say any more: 30 days");
        let (refused, told) = (Outcome { answerable: false, ..outcome(false, false, &[]) }, Outcome { answerable: false, ..outcome(true, false, &[]) });
        assert!(told.worse_than(&refused).unwrap().contains("nothing answers"));
        assert_eq!(refused.worse_than(&told), None);
    }
}
