//! The groups of rate limits: of each, exactly the figure passes, and the next is told when to come back.

use illumichat::config::{Config, Limits};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{assistants::create_assistant, chat::question};
use crate::support::{Client, TestApp};

/// One group, with what spends its budget.
struct Group {
    name: &'static str,
    set: fn(&mut Limits, u32),
    /// The request of this number; whatever it is answered, it counts.
    request: fn(&Desk, usize) -> RequestBuilder,
    code: &'static str,
}

struct Desk {
    owner: Client,
    nobody: Client,
    assistant: Value,
    session: String,
    site: Value,
}

impl Desk {
    fn assistant_id(&self) -> &str {
        self.assistant["id"].as_str().unwrap()
    }

    fn widget(&self, method: Method, rest: &str) -> RequestBuilder {
        self.nobody.request(method, &format!("/api/widget/{}/{rest}", self.assistant_id()))
    }

    fn in_session(&self, method: Method, rest: &str) -> RequestBuilder {
        self.widget(method, rest).header("authorization", format!("Widget {}", self.session))
    }

    fn site(&self, method: Method, rest: &str) -> RequestBuilder {
        self.nobody.request(method, &format!("/api/v1/chat{rest}")).header("x-api-key", self.site["siteKey"].as_str().unwrap())
    }
}

const GROUPS: &[Group] = &[
    Group { name: "API by token", set: |limits, most| limits.api = most, request: |desk, _| desk.owner.request(Method::GET, "/api/workspaces"), code: "rate_limit:api" },
    Group {
        name: "chat",
        set: |limits, most| limits.chat = most,
        request: |desk, _| desk.owner.request(Method::POST, "/api/chat").json(&json!({"assistantId": "ast_none", "messages": [{"role": "user", "content": "Hello"}]})),
        code: "rate_limit:chat",
    },
    Group { name: "widget config", set: |limits, most| limits.widget_read = most, request: |desk, _| desk.widget(Method::GET, "config"), code: "rate_limit:widget" },
    Group { name: "widget history", set: |limits, most| limits.widget_read = most, request: |desk, _| desk.in_session(Method::GET, "history"), code: "rate_limit:widget" },
    Group {
        name: "widget session",
        set: |limits, most| limits.widget_session = most,
        request: |desk, _| desk.widget(Method::POST, "session").json(&json!({})),
        code: "rate_limit:widget",
    },
    Group {
        name: "widget chat that makes a session",
        set: |limits, most| limits.widget_session = most,
        request: |desk, _| desk.widget(Method::POST, "chat").json(&json!({"message": "Hello"})),
        code: "rate_limit:widget",
    },
    Group {
        name: "widget chat of a session",
        set: |limits, most| limits.widget_chat_session = most,
        request: |desk, _| desk.in_session(Method::POST, "chat").json(&json!({"message": "Hello"})),
        code: "rate_limit:widget",
    },
    Group {
        name: "widget chat of an address",
        set: |limits, most| limits.widget_chat_address = most,
        request: |desk, _| desk.in_session(Method::POST, "chat").json(&json!({})),
        code: "rate_limit:widget",
    },
    Group {
        name: "widget lead",
        set: |limits, most| limits.widget_write = most,
        request: |desk, number| desk.in_session(Method::POST, "lead").json(&json!({"name": "Ann", "email": format!("ann{number}@example.com")})),
        code: "rate_limit:widget",
    },
    Group {
        name: "widget feedback",
        set: |limits, most| limits.widget_write = most,
        request: |desk, _| desk.in_session(Method::POST, "feedback").json(&json!({"rating": "up"})),
        code: "rate_limit:widget",
    },
    Group {
        name: "widget tickets",
        set: |limits, most| limits.widget_tickets = most,
        request: |desk, _| {
            let ticket = json!({"assistantId": desk.assistant_id(), "subject": "Broken", "description": "It is.", "name": "Ann", "email": "ann@example.com"});
            desk.nobody.request(Method::POST, "/api/widget/tickets/create").json(&ticket)
        },
        code: "rate_limit:widget",
    },
    Group { name: "site config", set: |limits, most| limits.site_read = most, request: |desk, _| desk.site(Method::GET, "/config"), code: "" },
    Group { name: "site messages", set: |limits, most| limits.site_read = most, request: |desk, _| desk.site(Method::GET, "/conversations/none/messages"), code: "" },
    Group { name: "site files", set: |limits, most| limits.site_read = most, request: |desk, _| desk.site(Method::GET, "/conversations/none/files/1/1"), code: "" },
    Group {
        name: "site conversations",
        set: |limits, most| limits.site_create = most,
        request: |desk, number| {
            desk.site(Method::POST, "/conversations").json(&json!({"name": "Ann", "email": "ann@example.com", "message": "Hello", "visitor_token": format!("visitor{number}")}))
        },
        code: "",
    },
    Group {
        name: "site replies",
        set: |limits, most| limits.site_reply = most,
        request: |desk, _| desk.site(Method::POST, "/conversations/none/messages").json(&json!({"message": "Hello"})),
        code: "",
    },
    Group {
        name: "SMS",
        set: |limits, most| limits.sms = most,
        request: |desk, _| desk.nobody.request(Method::POST, &format!("/api/sms/webhook/{}", desk.assistant_id())).header("content-type", "application/x-www-form-urlencoded").body("Body=x"),
        code: "rate_limit:sms",
    },
    Group {
        name: "SMS status",
        set: |limits, most| limits.sms = most,
        request: |desk, _| desk.nobody.request(Method::POST, &format!("/api/sms/status/{}", desk.assistant_id())).header("content-type", "application/x-www-form-urlencoded").body("Body=x"),
        code: "rate_limit:sms",
    },
    Group {
        name: "sign-in of an account",
        set: |limits, most| limits.signin_account = most,
        request: |desk, _| desk.nobody.request(Method::POST, "/api/auth/signin/credentials").json(&json!({"email": "ann@example.com", "password": "wrong password"})),
        code: "rate_limit:auth",
    },
    Group {
        name: "sign-in of an address",
        set: |limits, most| limits.signin_address = most,
        request: |desk, number| desk.nobody.request(Method::POST, "/api/auth/signin/credentials").json(&json!({"email": format!("ann{number}@example.com"), "password": "wrong password"})),
        code: "rate_limit:auth",
    },
];

/// A desk whose figures are out of the way; the session and the site were made without limits.
async fn desk(change: impl FnOnce(&mut Config)) -> (TestApp, Desk) {
    let app = TestApp::with(|config| {
        config.limits = Limits {
            enabled: true, api: 1000, chat: 1000, widget_read: 1000, widget_session: 1000, widget_chat_session: 1000, widget_chat_address: 1000, widget_write: 1000,
            widget_tickets: 1000, site_read: 1000, site_create: 1000, site_reply: 1000, sms: 1000, signin_account: 1000, signin_address: 1000,
        };
        change(config);
    })
    .await;
    let owner = app.owner().await;
    let everything = json!({"visibility": "public", "widgetEnabled": true, "widget": {"tickets": {"enabled": true}, "leadForm": {"enabled": true}}});
    let assistant = create_assistant(&owner, everything).await;
    let nobody = app.nobody();
    let session = nobody.post(&format!("/api/widget/{}/session", assistant["id"].as_str().unwrap()), json!({})).await.expect(201);
    let site = owner.post(&owner.path("/sites"), json!({"name": "Shop"})).await.expect(201);
    (app, Desk { nobody, assistant, session: session["sessionToken"].as_str().unwrap().to_owned(), site, owner })
}

#[tokio::test]
async fn of_every_group_exactly_the_figure_passes() {
    const MOST: u32 = 6;
    for group in GROUPS {
        let (app, desk) = desk(|config| (group.set)(&mut config.limits, MOST)).await;
        // What making the desk has spent of this budget.
        let spent = match group.name {
            "API by token" => 2,
            "widget session" | "widget chat that makes a session" => 1,
            _ => 0,
        };
        // Forwarded addresses are anybody's to invent.
        let send = async |number: usize| {
            let request = (group.request)(&desk, number);
            desk.nobody.send(request.header("x-forwarded-for", format!("203.0.113.{number}")).header("forwarded", format!("for=203.0.113.{number}"))).await
        };
        for number in spent..MOST as usize {
            let reply = send(number).await;
            assert!(reply.status != 429, "{}: request {number} of {MOST} is refused: {}", group.name, reply.text);
        }
        let refused = send(MOST as usize).await;
        assert_eq!(refused.status, 429, "{}: {}", group.name, refused.text);
        let wait: u64 = refused.header("retry-after").parse().unwrap_or_else(|_| panic!("{} says nothing of when to come back", group.name));
        assert!((1..=900).contains(&wait), "{}: {wait}", group.name);
        let limits = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map(|name| refused.header(name));
        assert_eq!(limits, [MOST.to_string().as_str(), "0", wait.to_string().as_str()], "{}", group.name);
        if group.code.is_empty() {
            assert_eq!(refused.json(), json!({"error": "Rate limit exceeded"}), "{}", group.name);
        } else {
            refused.expect_error(429, group.code);
        }
        drop(app);
    }
}

#[tokio::test]
async fn limits_can_be_switched_off_and_guessing_stays_slow() {
    let (app, desk) = desk(|config| config.limits = Limits { enabled: false, api: 1, chat: 1, widget_read: 1, sms: 1, site_read: 1, signin_account: 2, ..config.limits.clone() }).await;
    for group in GROUPS.iter().filter(|group| !group.name.starts_with("sign-in")) {
        for number in 0..3 {
            assert_ne!(desk.nobody.send((group.request)(&desk, number)).await.status, 429, "{}", group.name);
        }
    }
    let statuses = futures_util::future::join_all((0..20).map(async |_| app.nobody().post("/api/auth/signin/credentials", json!({"email": "ann@example.com", "password": "wrong password"})).await.status)).await;
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 2, "also of many at once: {statuses:?}");
}

/// What is counted: every request with good credentials, whatever becomes of it.
#[tokio::test]
async fn every_request_of_somebody_known_counts() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.api = 6;
    })
    .await;
    let owner = app.owner().await;
    let stranger = app.owner().await;
    owner.get("/api/me").await.expect_error(403, "forbidden:api");
    owner.get(&stranger.path("")).await.expect_error(404, "not_found:api");
    owner.post("/api/workspaces", json!({"name": "Mine"})).await.expect_error(403, "forbidden:api");
    owner.get(&owner.path("/assistants?limit=none")).await.expect_error(400, "bad_request:api");
    owner.get(&owner.path("/assistants/ast_none")).await.expect_error(404, "not_found:api");
    assert_eq!(owner.get("/api/workspaces").await.header("ratelimit-remaining"), "0");
    owner.get("/api/workspaces").await.expect_error(429, "rate_limit:api");
    // A person is counted by themselves, in whatever browser; a request from another site is theirs too.
    let (one, other) = (app.signed_in(&stranger).await, app.signed_in(&stranger).await);
    for _ in 0..3 {
        one.get("/api/me").await.expect(200);
        let foreign = other.request(Method::POST, "/api/workspaces").header("sec-fetch-site", "cross-site");
        other.send(foreign.json(&json!({"name": "Mine"}))).await.expect_error(403, "forbidden:auth");
    }
    one.get("/api/me").await.expect_error(429, "rate_limit:api");
    // Their token has its own budget, and wrong credentials have none.
    stranger.get("/api/workspaces").await.expect(200);
    for _ in 0..9 {
        app.nobody().get("/api/workspaces").await.expect_error(401, "unauthorized:api");
    }
    stranger.post("/api/chat", question(&json!({"id": "ast_none"}), "Hello")).await.expect_error(404, "not_found:chat");
}
