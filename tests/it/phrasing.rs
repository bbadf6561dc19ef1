//! What a provider's model is asked besides answers: a follow-up question put anew, a conversation's title. And what it says
//! without anything to stand on.

use illumichat::config::{Config, Provider};
use serde_json::{Value, json};

use super::{
    chat::{QUESTION, question},
    providers::receipt,
    tools::desk,
};
use crate::support::{
    Client, TestApp,
    llm_server::{LlmServer, Received, Script},
    stream::Answer,
};

const ANSWER: &str = "We refund every purchase within 30 days of the delivery.";

fn rewriting(config: &mut Config) {
    config.chat.rewrite_questions = true;
}

fn is_rewriting(request: &Received) -> bool {
    request.last("system").starts_with("You write search queries")
}

fn is_naming(request: &Received) -> bool {
    request.last("system").starts_with("Name what this conversation")
}

/// A question in a conversation.
async fn go_on(owner: &Client, assistant: &Value, before: &Answer, text: &str) -> Answer {
    let mut next = question(assistant, text);
    next["chatId"] = json!(before.chat_id());
    owner.ask("/api/chat", next).await
}

#[tokio::test]
async fn a_follow_up_question_is_put_anew_for_the_search() {
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({}), rewriting).await;
    llm.always(Script::replies(|request| if is_rewriting(request) { "\"Can a gift card be refunded or exchanged for money?\"\n".to_owned() } else { ANSWER.to_owned() }));
    let first = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert_eq!(receipt(&owner, &first).await["resolved"], Value::Null);
    assert_eq!(llm.received().len(), 1, "the first question stands alone");
    let second = go_on(&owner, &assistant, &first, "and those with a bow around them?").await;
    let why = receipt(&owner, &second).await;
    assert_eq!(why["resolved"], "Can a gift card be refunded or exchanged for money?");
    assert!(why["passages"][0]["text"].as_str().is_none_or(|text| text.contains("gift card")) && second.text() == ANSWER, "{why}");
    let asked = llm.received();
    assert_eq!(asked.len(), 3);
    let told = asked[1].last("user");
    assert!(told.contains(QUESTION) && told.contains(ANSWER) && told.contains("and those with a bow"), "{told}");
    // The model that answers is asked the question as it was put.
    assert_eq!(asked[2].last("user"), "and those with a bow around them?");
}

#[tokio::test]
async fn a_follow_up_question_is_searched_for_as_it_stands_where_the_model_does_not_help() {
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({}), rewriting).await;
    llm.next(Script::says([ANSWER]));
    let first = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    for broken in [Script::fails(400, "no"), Script::says(["  \n "]), Script::says(["word ".repeat(200)])] {
        llm.next(broken).next(Script::says([ANSWER]));
        let answer = go_on(&owner, &assistant, &first, QUESTION).await;
        assert_eq!((answer.text().as_str(), &receipt(&owner, &answer).await["resolved"]), (ANSWER, &Value::Null));
    }
    // One that says nothing is not waited for.
    llm.next(Script::silent()).next(Script::says([ANSWER]));
    let answer = go_on(&owner, &assistant, &first, QUESTION).await;
    assert_eq!((answer.text().as_str(), &receipt(&owner, &answer).await["resolved"]), (ANSWER, &Value::Null));
}

/// The title that a conversation has in the end.
async fn title(app: &TestApp, owner: &Client, answer: &Answer) -> String {
    app.drain().await;
    owner.get(&owner.path(&format!("/conversations/{}", answer.chat_id()))).await.expect(200)["title"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_conversation_is_named_by_the_model_after_its_first_answer() {
    let llm = LlmServer::start().await;
    let (app, owner, assistant) = desk(&llm, json!({"budget": {"answersPerDay": 3}}), |config| config.chat.titles = true).await;
    llm.always(Script::replies(|request| if is_naming(request) { "Refund of a purchase.".to_owned() } else { ANSWER.to_owned() }));
    let first = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert_eq!(title(&app, &owner, &first).await, "Refund of a purchase");
    go_on(&owner, &assistant, &first, "Within how many days, you say?").await;
    app.drain().await;
    assert_eq!(llm.received().into_iter().filter(is_naming).count(), 1, "once");
    // A title is no answer of the day's three; once these are spent, nobody is asked for one.
    let third = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert_eq!((receipt(&owner, &third).await["servedBy"].as_str(), title(&app, &owner, &third).await.as_str()), (Some("openai/scripted"), QUESTION));
    assert_eq!(llm.received().into_iter().filter(is_naming).count(), 1);
}

#[tokio::test]
async fn the_first_words_stay_where_the_model_has_no_title() {
    for script in [Script::fails(500, "down"), Script::says(["See https://evil.example/"]), Script::says(["word ".repeat(60)])] {
        let llm = LlmServer::start().await;
        let (app, owner, assistant) = desk(&llm, json!({}), |config| config.chat.titles = true).await;
        llm.next(Script::says([ANSWER])).next(script);
        let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
        assert_eq!(title(&app, &owner, &answer).await, QUESTION);
        assert_eq!(llm.received().len(), 2);
    }
    // Nor is there one without a provider that answers.
    let llm = LlmServer::start().await;
    let other = Provider { base_url: Some(llm.base_url()), ..Provider::default() };
    let (app, owner, assistant) = desk(&llm, json!({"model": "builtin/extractive"}), |config| {
        config.providers.insert("ollama".to_owned(), other);
        config.chat.titles = true;
    })
    .await;
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert_eq!(title(&app, &owner, &answer).await, QUESTION);
}

#[tokio::test]
async fn what_no_passage_says_is_no_answer_from_the_documents() {
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({}), |_| {}).await;
    for (says, answered) in [
        (ANSWER, true),
        ("We are the largest maker of the yellow submarines in the northern hemisphere.", false),
        ("Which of our many products would you like to return to the warehouse in which we have stored them?", true),
        ("Bitte senden Sie Ihre Bestellung innerhalb der Frist an unser Lager zurück, dann erstatten wir alles.", true),
    ] {
        llm.next(Script::says([says]));
        let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
        let why = receipt(&owner, &answer).await;
        assert_eq!((answer.text().as_str(), &answer.finish()["answered"]), (says, &json!(answered)), "{why}");
        assert_eq!(why["decision"]["why"] == "nothing that the model said stands in the passages", !answered);
    }
}
