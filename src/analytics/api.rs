//! The operations on figures and questions.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, OnceLock},
    time::Duration,
};

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use poem::{IntoResponse, Response, web::Data};
use poem_openapi::{
    ApiResponse, Enum, OpenApi,
    param::Query,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::{ToJSON, Type},
};
use rusqlite::Connection;

use super::{
    cluster, csv,
    model::{Analytics, Asked, Day, DraftPair, Figures, ModelFigures, QuestionCluster, QuestionClusters, Ratings, ResponseTimes},
    store::{self, Answered, Scope},
};
use crate::{
    access::Member,
    app::App,
    clock::Timestamp,
    conversations::Channel,
    embed::Embedder,
    error::{Error, Result},
    http::Tag,
    workspaces::{self, model::Settings},
};

pub struct AnalyticsApi;

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase", rename = "AnalyticsFormat")]
enum Format {
    Json,
    Csv,
}

/// JSON, or the same as a CSV file.
pub enum Report<T> {
    Json(T),
    Csv { text: String, filename: &'static str },
}

impl<T: ToJSON + Send> IntoResponse for Report<T> {
    fn into_response(self) -> Response {
        match self {
            Report::Json(value) => Json(value).into_response(),
            Report::Csv { text, filename } => {
                Response::builder().content_type("text/csv; charset=utf-8").header("content-disposition", format!("attachment; filename=\"{filename}\"")).body(text)
            }
        }
    }
}

impl<T: ToJSON> ApiResponse for Report<T> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The figures; with `format=csv` as a file.",
                status: Some(200),
                status_range: None,
                content: vec![
                    MetaMediaType { content_type: Json::<T>::CONTENT_TYPE, schema: T::schema_ref() },
                    MetaMediaType { content_type: "text/csv", schema: String::schema_ref() },
                ],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// How many questions are grouped at the most: the newest.
const MOST_QUESTIONS: i64 = 1_000;

fn days_of(period: Option<String>) -> Result<(String, i64)> {
    let period = period.unwrap_or_else(|| "30d".to_owned());
    match period.as_str() {
        "7d" => Ok((period, 7)),
        "30d" => Ok((period, 30)),
        "90d" => Ok((period, 90)),
        _ => Err(Error::invalid("period", "must be 7d, 30d or 90d")),
    }
}

fn scope(who: &Member, now: Timestamp, days: i64, assistant_id: Option<String>, channel: Option<Channel>) -> Scope {
    let since = now.minus(Duration::from_secs(u64::try_from(days).unwrap_or(0) * 24 * 3600));
    Scope { workspace_id: who.workspace_id.clone(), since, assistant_id, channel: channel.map(|channel| channel.word().to_owned()) }
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/analytics", tag = "Tag::Analytics")]
impl AnalyticsApi {
    /// Conversations, answers, people, tickets and tokens of 7, 30 or 90 days
    #[oai(path = "/", method = "get", operation_id = "get_analytics")]
    async fn get_analytics(
        &self,
        app: Data<&App>,
        who: Member,
        period: Query<Option<String>>,
        #[oai(name = "assistantId")] assistant_id: Query<Option<String>>,
        channel: Query<Option<Channel>>,
        format: Query<Option<Format>>,
    ) -> Result<Report<Analytics>> {
        let (period, days) = days_of(period.0)?;
        let now = app.now();
        let scope = scope(&who, now, days, assistant_id.0, channel.0);
        let analytics = app.db.read_slowly(move |connection| gather(connection, scope, period, days, now)).await?;
        if format.0 == Some(Format::Csv) {
            return Ok(Report::Csv { text: csv::days(&analytics)?, filename: "analytics.csv" });
        }
        Ok(Report::Json(analytics))
    }

    /// What was asked, by meaning, with how well it was answered
    #[oai(path = "/questions", method = "get", operation_id = "get_asked_questions")]
    async fn get_asked_questions(
        &self,
        app: Data<&App>,
        who: Member,
        period: Query<Option<String>>,
        #[oai(name = "assistantId")] assistant_id: Query<Option<String>>,
        channel: Query<Option<Channel>>,
        format: Query<Option<Format>>,
    ) -> Result<Report<QuestionClusters>> {
        let (_, days) = days_of(period.0)?;
        report(&app, scope(&who, app.now(), days, assistant_id.0, channel.0), false, format.0).await
    }

    /// What the documents do not answer, by how often it is asked, with a draft from what a person replied
    #[oai(path = "/gaps", method = "get", operation_id = "get_knowledge_gaps")]
    async fn get_knowledge_gaps(
        &self,
        app: Data<&App>,
        who: Member,
        period: Query<Option<String>>,
        #[oai(name = "assistantId")] assistant_id: Query<Option<String>>,
        channel: Query<Option<Channel>>,
        format: Query<Option<Format>>,
    ) -> Result<Report<QuestionClusters>> {
        let (_, days) = days_of(period.0)?;
        report(&app, scope(&who, app.now(), days, assistant_id.0, channel.0), true, format.0).await
    }
}

/// The figures of a period, from rows to days.
fn gather(connection: &Connection, scope: Scope, period: String, days: i64, now: Timestamp) -> Result<Analytics> {
    let settings = workspaces::store::find_settings(connection, &scope.workspace_id)?;
    let zone = settings.zone();
    let today = date_of(now, &zone);
    let mut by_day: BTreeMap<Date, Figures> = (0..=days).filter_map(|back| today.checked_sub(back.days()).ok()).map(|date| (date, Figures::default())).collect();
    let mut totals = Figures::default();
    let mut count = |at: Timestamp, add: &dyn Fn(&mut Figures)| {
        add(&mut totals);
        if let Some(day) = by_day.get_mut(&date_of(at, &zone)) {
            add(day);
        }
    };
    let mut people: HashSet<String> = HashSet::new();
    let mut people_by_day: HashSet<(Date, String)> = HashSet::new();
    let mut marks: Vec<i64> = Vec::new();
    let conversations = store::conversations(connection, &scope)?;
    for (at, person, rating) in &conversations {
        count(*at, &|figures| figures.conversations += 1);
        people.insert(person.clone());
        people_by_day.insert((date_of(*at, &zone), person.clone()));
        marks.extend(rating);
    }
    let messages = store::messages(connection, &scope)?;
    for said in &messages {
        count(said.at, &|figures| figures.messages += 1);
        marks.extend(said.feedback);
    }
    let answers = store::answers(connection, &scope, i64::MAX)?;
    let mut models: BTreeMap<String, ModelFigures> = BTreeMap::new();
    let mut open_questions: HashSet<&str> = HashSet::new();
    let mut with_answer: HashSet<&str> = HashSet::new();
    for answer in &answers {
        let cost = cost_of(&settings, answer);
        count(answer.at, &|figures| {
            if answer.answered { figures.answered += 1 } else { figures.not_answered += 1 }
            figures.input_tokens += answer.input_tokens;
            figures.output_tokens += answer.output_tokens;
            if let Some(cost) = cost {
                figures.cost = Some(figures.cost.unwrap_or(0.0) + cost);
            }
        });
        // The newest comes first: it decides whether something is left open.
        if with_answer.insert(&answer.conversation_id) && !answer.answered {
            open_questions.insert(&answer.conversation_id);
        }
        let model = models.entry(answer.model.clone()).or_insert_with(|| ModelFigures { model: answer.model.clone(), ..ModelFigures::default() });
        model.answers += 1;
        model.input_tokens += answer.input_tokens;
        model.output_tokens += answer.output_tokens;
        model.cost = match (model.cost, cost) {
            (Some(sum), Some(cost)) => Some(sum + cost),
            (sum, cost) => sum.or(cost),
        };
    }
    let handoffs = store::handoffs(connection, &scope)?;
    let mut with_people: HashSet<&str> = HashSet::new();
    for (id, at) in &handoffs {
        count(*at, &|figures| figures.handed_off += 1);
        with_people.insert(id);
    }
    with_people.extend(messages.iter().filter(|said| said.role == "agent").map(|said| said.conversation_id.as_str()));
    let mut tickets_by_status: BTreeMap<String, i64> = BTreeMap::new();
    for (status, created, resolved) in store::tickets(connection, &scope)? {
        *tickets_by_status.entry(status).or_default() += 1;
        if created >= scope.since {
            count(created, &|figures| figures.tickets_created += 1);
        }
        if let Some(resolved) = resolved.filter(|at| *at >= scope.since) {
            count(resolved, &|figures| figures.tickets_resolved += 1);
        }
    }
    totals.visitors = i64::try_from(people.len()).unwrap_or(i64::MAX);
    for (date, _) in people_by_day {
        if let Some(day) = by_day.get_mut(&date) {
            day.visitors += 1;
        }
    }
    let resolved = with_answer.iter().filter(|id| !open_questions.contains(*id) && !with_people.contains(*id)).count();
    Ok(Analytics {
        period,
        from: scope.since,
        to: now,
        time_zone: settings.time_zone.clone(),
        totals,
        resolution_rate: (!with_answer.is_empty()).then(|| resolved as f64 / with_answer.len() as f64),
        first_response: response_times(&messages),
        ratings: ratings(&marks),
        tickets_by_status,
        models: models.into_values().collect(),
        days: by_day.into_iter().map(|(date, figures)| Day { date: date.to_string(), figures }).collect(),
    })
}

fn date_of(at: Timestamp, zone: &TimeZone) -> Date {
    jiff::Timestamp::from_millisecond(at.millis()).map(|time| time.to_zoned(zone.clone()).date()).unwrap_or_default()
}

fn cost_of(settings: &Settings, answer: &Answered) -> Option<f64> {
    settings.cost_of(&answer.model, answer.input_tokens, answer.output_tokens)
}

fn ratings(marks: &[i64]) -> Ratings {
    let mut distribution: BTreeMap<String, i64> = (1..=5).map(|mark| (mark.to_string(), 0)).collect();
    for mark in marks {
        *distribution.entry(mark.to_string()).or_default() += 1;
    }
    let count = i64::try_from(marks.len()).unwrap_or(i64::MAX);
    Ratings { count, average: (count > 0).then(|| marks.iter().sum::<i64>() as f64 / count as f64), distribution }
}

/// From the first question of each conversation to the first answer to it.
fn response_times(messages: &[store::Said]) -> ResponseTimes {
    let (mut any, mut human) = (Vec::new(), Vec::new());
    let mut asked: HashMap<&str, Timestamp> = HashMap::new();
    let mut answered: HashSet<(&str, bool)> = HashSet::new();
    for said in messages {
        let id = said.conversation_id.as_str();
        if said.role == "user" {
            asked.entry(id).or_insert(said.at);
            continue;
        }
        let Some(since) = asked.get(id) else { continue };
        let seconds = said.at.since(*since).as_secs_f64();
        if answered.insert((id, false)) {
            any.push(seconds);
        }
        if said.role == "agent" && answered.insert((id, true)) {
            human.push(seconds);
        }
    }
    let at = |values: &mut Vec<f64>, part: f64| {
        values.sort_by(f64::total_cmp);
        let place = ((values.len() as f64 * part).ceil() as usize).saturating_sub(1);
        values.get(place).copied()
    };
    ResponseTimes { median_seconds: at(&mut any, 0.5), p90_seconds: at(&mut any, 0.9), human_median_seconds: at(&mut human, 0.5), human_p90_seconds: at(&mut human, 0.9) }
}

async fn report(app: &App, scope: Scope, gaps: bool, format: Option<Format>) -> Result<Report<QuestionClusters>> {
    let clusters = clusters(app, scope, gaps).await?;
    if format == Some(Format::Csv) {
        return Ok(Report::Csv { text: csv::questions(&clusters.data)?, filename: if gaps { "gaps.csv" } else { "questions.csv" } });
    }
    Ok(Report::Json(clusters))
}

async fn clusters(app: &App, scope: Scope, gaps: bool) -> Result<QuestionClusters> {
    let workspace_id = scope.workspace_id.clone();
    let (mut asked, settings) = app
        .db
        .read_slowly(move |connection| Ok((store::answers(connection, &scope, MOST_QUESTIONS)?, workspaces::store::find_settings(connection, &scope.workspace_id)?)))
        .await?;
    asked.retain(|answer| !answer.question.trim().is_empty());
    let embedder = app.embedder();
    let (vectors, scale) = (vectors_of(&embedder, &asked).await?, embedder.info().scale);
    let groups = tokio::task::spawn_blocking(move || (cluster::groups(&vectors, scale), vectors)).await.map_err(Error::internal)?;
    let (groups, vectors) = groups;
    let questions = i64::try_from(asked.len()).unwrap_or(i64::MAX);
    let mut data: Vec<QuestionCluster> = groups.iter().map(|group| told(&settings, &asked, &group.members, group.middle(&vectors))).collect();
    if gaps {
        data.retain(|cluster| cluster.not_answered * 2 > cluster.count);
        data.sort_by_key(|cluster| std::cmp::Reverse((cluster.not_answered, cluster.tokens)));
        data.truncate(100);
        app.db.read(|connection| {
            for cluster in &mut data {
                cluster.draft = draft(connection, &workspace_id, cluster)?;
            }
            Ok(())
        })?;
    }
    data.truncate(100);
    Ok(QuestionClusters { data, questions })
}

fn told(settings: &Settings, asked: &[Answered], members: &[usize], middle: usize) -> QuestionCluster {
    let answered = members.iter().filter(|place| asked[**place].answered).count();
    let sure: Vec<f64> = members.iter().filter_map(|place| asked[*place].confidence).collect();
    let short = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(500).collect::<String>();
    QuestionCluster {
        question: short(&asked[middle].question),
        count: i64::try_from(members.len()).unwrap_or(i64::MAX),
        answered: i64::try_from(answered).unwrap_or(i64::MAX),
        not_answered: i64::try_from(members.len() - answered).unwrap_or(i64::MAX),
        average_confidence: (!sure.is_empty()).then(|| sure.iter().sum::<f64>() / sure.len() as f64),
        tokens: members.iter().map(|place| asked[*place].input_tokens + asked[*place].output_tokens).sum(),
        cost: members.iter().filter_map(|place| cost_of(settings, &asked[*place])).reduce(|sum, cost| sum + cost),
        last_asked_at: members.iter().map(|place| asked[*place].at).max().unwrap_or(Timestamp::from_millis(0)),
        examples: members
            .iter()
            .take(5)
            .map(|place| &asked[*place])
            .map(|answer| Asked { question: short(&answer.question), conversation_id: answer.conversation_id.clone(), message_id: answer.message_id.clone(), answered: answer.answered, asked_at: answer.at })
            .collect(),
        draft: None,
    }
}

/// A pair from what a person replied where one of the examples was asked.
fn draft(connection: &Connection, workspace_id: &str, cluster: &QuestionCluster) -> Result<Option<DraftPair>> {
    for example in &cluster.examples {
        if let Some((answer, author)) = store::find_reply(connection, workspace_id, &example.conversation_id, example.asked_at)? {
            return Ok(Some(DraftPair { question: cluster.question.clone(), answer, author }));
        }
    }
    Ok(None)
}

/// The questions' vectors, kept for a while in memory, so that a page that is opened again need not wait.
async fn vectors_of(embedder: &Embedder, asked: &[Answered]) -> Result<Vec<Vec<f32>>> {
    /// By the model's id and the text's hash.
    type Known = moka::sync::Cache<(String, String), Arc<Vec<f32>>>;
    static KNOWN: OnceLock<Known> = OnceLock::new();
    let known = KNOWN.get_or_init(|| moka::sync::Cache::builder().max_capacity(10_000).time_to_idle(Duration::from_secs(6 * 3600)).build());
    let key = |text: &str| (embedder.info().id.clone(), crate::secrets::sha256_hex(text));
    let mut missing: Vec<String> = asked.iter().map(|answer| answer.question.clone()).filter(|text| !known.contains_key(&key(text))).collect();
    missing.sort();
    missing.dedup();
    let mut fresh = HashMap::new();
    for texts in missing.chunks(64) {
        for (text, vector) in texts.iter().zip(embedder.passages(texts.to_vec()).await?) {
            let vector = Arc::new(vector);
            known.insert(key(text), Arc::clone(&vector));
            fresh.insert(text.clone(), vector);
        }
    }
    let mut vectors = Vec::with_capacity(asked.len());
    for answer in asked {
        let found = fresh.get(&answer.question).cloned().or_else(|| known.get(&key(&answer.question)));
        match found {
            Some(vector) => vectors.push(vector.as_ref().clone()),
            // Pushed out meanwhile by another workspace's.
            None => vectors.push(embedder.query(&answer.question).await?),
        }
    }
    Ok(vectors)
}
