use super::*;

fn answer(question: &str, passages: &[&str]) -> String {
    answer_under(question, &passages.iter().map(|text| ("", *text)).collect::<Vec<_>>())
}

fn answer_under(question: &str, passages: &[(&str, &str)]) -> String {
    let headings: Vec<[&str; 1]> = passages.iter().map(|(heading, _)| [*heading]).collect();
    let from: Vec<From<'_>> =
        passages.iter().zip(&headings).enumerate().map(|(place, ((_, text), headings))| From { text, headings, score: 1.0 - 0.1 * place as f64 }).collect();
    let asked = Asked::new(question, &[]);
    compose(&asked, &from, &units(&from, &asked, 40), &Nearness::default()).parts.into_iter().map(|part| part.text).collect()
}

#[test]
fn the_sentence_that_answers_is_chosen() {
    let text = "Plans are billed every month in advance and can be changed at any time in the settings of your account, at the top right. Refunds are given within 30 days of the purchase, to the card that was used for it, and need no reason at all from your side. Our office in Graz has plants.";
    assert!(answer("When do I get a refund?", &[text]).starts_with("Refunds are given within 30 days"));
}

#[test]
fn a_list_stays_whole_with_the_line_that_introduces_it() {
    let text = "Some prose about us and what we do all day.\n\nTo reset your password:\n\n1. Open the settings.\n2. Click Reset.\n3. Check your mail.\n\nMore prose about something else.";
    let answer = answer("How do I reset the password?", &[text]);
    assert!(answer.contains("To reset your password:\n\n1. Open the settings.\n2. Click Reset.\n3. Check your mail."), "{answer}");
}

#[test]
fn a_sentence_that_points_back_brings_the_one_before_it() {
    let text = "The export is a CSV file. It has one row for each order and opens in every spreadsheet.";
    assert_eq!(answer("Which rows are in the spreadsheet of orders?", &[text]), text);
}

#[test]
fn two_passages_that_say_the_same_are_told_once() {
    let text = "Refunds are given within 30 days.";
    assert_eq!(answer("refunds within days", &[text, "Refunds are given within 30 days of it."]), text);
}

#[test]
fn quoted_questions_are_no_answer() {
    let text = "The demo knows the guide. Good questions are \"How do I put the chat on my website?\", \"Does it work without internet?\" or \"How large may a file be?\". It says so when it knows nothing.";
    let limits = "A file may have up to 50 MiB. The setting uploads.max_bytes changes the limit.";
    assert!(answer_under("How large may a file be?", &[("Demo", text), ("Limits", limits)]).starts_with("A file may have up to 50 MiB."));
    assert!(!answer("How large may a file be?", &[text]).contains('?'));
}

#[test]
fn code_is_shown_as_code_and_never_cut() {
    let fenced = "Run this:\n\n```\nillumichat serve\n\n# and wait\n```\n";
    assert!(answer("how do I run serve", &[fenced]).ends_with("```\nillumichat serve\n\n# and wait\n```"));
    let bare = "Run the server:\n\nexport PORT=80\nillumichat serve";
    assert_eq!(answer("how do I run the server", &[bare]), "Run the server:\n\n```\nexport PORT=80\nillumichat serve\n```");
}

#[test]
fn a_table_is_shown_as_one_with_the_rows_that_answer() {
    let rows = (0..8).map(|number| format!("thing {number} | {number} kg")).collect::<Vec<_>>().join("\n");
    let text = format!("These are the weights.\n\nwhat | weight\n{rows}\ninstructions | 32,000 characters");
    let answer = answer("How long can the instructions be?", &[&text]);
    assert_eq!(answer, "These are the weights.\n\n| what | weight |\n| --- | --- |\n| instructions | 32,000 characters |");
}

#[test]
fn the_heading_that_is_the_question_leads() {
    let one = ("Methods of a widget", "The widget sends a message when the method send is called. The other methods do nothing before.");
    let two = ("Events of a widget", "Listen with the method on. The events are open, close and error.");
    assert!(answer_under("Which events does the widget send?", &[one, two]).contains("The events are open, close and error."));
}

#[test]
fn a_follow_up_takes_the_words_of_the_question_before() {
    assert!(is_follow_up("And how do I delete it?") && is_follow_up("why?") && !is_follow_up("How do I delete my account and its invoices?"));
    let asked = Asked::new("And how do I delete it?", &["How do I create an assistant?".to_owned()]);
    assert!(asked.all().iter().any(|word| word.starts_with("assist")));
}

proptest::proptest! {
    #[test]
    fn every_word_is_in_its_passage(question in "\\PC{0,60}", a in "\\PC{0,200}(\n\\PC{0,80}){0,4}", b in "[a-z .:\n|-]{0,200}") {
        let from = [From { text: &a, headings: &[], score: 1.0 }, From { text: &b, headings: &[], score: 0.9 }];
        let asked = Asked::new(&question, &[]);
        for part in compose(&asked, &from, &units(&from, &asked, 40), &Nearness::default()).parts {
            for word in part.text.split_whitespace().filter(|word| !word.starts_with("```") && !word.chars().all(|c| matches!(c, '|' | '-'))) {
                // A colon that announces nothing any more is a full stop.
                proptest::prop_assert!(from[part.passage].text.contains(word.trim_end_matches('.')), "{word}");
            }
        }
    }
}
