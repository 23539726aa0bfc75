//! The server: one page for one browser, on loopback, behind a token.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use matgrad::Error;
use serde_json::{Value, json};

use crate::message::Message;
use crate::session::Changed;
use crate::view::{copy, numbers, plane, view, why};
use crate::{Session, training};

/// The page and what it needs: name, type, text.
const ASSETS: [(&str, &str, &str); 9] = [
    ("", "text/html; charset=utf-8", include_str!("../assets/index.html")),
    ("studio.css", "text/css; charset=utf-8", include_str!("../assets/studio.css")),
    ("main.js", "text/javascript; charset=utf-8", include_str!("../assets/main.js")),
    ("server.js", "text/javascript; charset=utf-8", include_str!("../assets/server.js")),
    ("editor.js", "text/javascript; charset=utf-8", include_str!("../assets/editor.js")),
    ("links.js", "text/javascript; charset=utf-8", include_str!("../assets/links.js")),
    ("formulas.js", "text/javascript; charset=utf-8", include_str!("../assets/formulas.js")),
    ("matrices.js", "text/javascript; charset=utf-8", include_str!("../assets/matrices.js")),
    ("training.js", "text/javascript; charset=utf-8", include_str!("../assets/training.js")),
];

/// Nothing comes from elsewhere, nothing runs but our modules, no other page frames this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' \
    data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The largest message, and the largest table, in bytes.
const MESSAGE: usize = 4 << 20;
const TABLE: usize = 256 << 20;
/// Of the thread that reads and derives; only what is used of it is taken.
const STACK: usize = 256 << 20;

/// A page that is served.
pub struct Server {
    runtime: tokio::runtime::Runtime,
    listener: tokio::net::TcpListener,
    address: SocketAddr,
    shared: Shared,
}

#[derive(Clone)]
struct Shared {
    session: Arc<Mutex<Session>>,
    token: Arc<str>,
    address: SocketAddr,
}

impl Shared {
    fn session(&self) -> MutexGuard<'_, Session> {
        // A request that panicked changed at most what it was asked to change.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Takes a port; 0 is any that is free.
    ///
    /// # Errors
    /// A port that is taken, or a system without random numbers.
    pub fn bind(session: Session, address: SocketAddr) -> Result<Server, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|e| Error::Run(format!("the system gives no random numbers: {e}")))?;
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let failed = |e: std::io::Error| {
            Error::Input(format!("{address} cannot be listened on: {e}; choose another port"))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(failed)?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind(address)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let session = Arc::new(Mutex::new(session));
        let shared = Shared { session, token: token.into(), address };
        Ok(Server { runtime, listener, address, shared })
    }

    /// Where the page is, with its token.
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.shared.token)
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// A listener that fails.
    pub fn run(self) -> Result<(), Error> {
        let failed = |e: &dyn std::fmt::Display| Error::Run(format!("the server stopped: {e}"));
        let Server { runtime, listener, shared, .. } = self;
        let serve = move || runtime.block_on(async { axum::serve(listener, router(shared)).await });
        // Long chains of equations are walked by recursion.
        let thread = std::thread::Builder::new().stack_size(STACK).spawn(serve);
        match thread.map_err(|e| failed(&e))?.join() {
            Ok(served) => served.map_err(|e| failed(&e)),
            Err(_) => Err(failed(&"it panicked")),
        }
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/{token}/", get(|| async { asset("") }))
        .route(
            "/{token}/{file}",
            get(|Path((_, file)): Path<(String, String)>| async move { asset(&file) }),
        )
        .route("/{token}/state", get(state))
        .route("/{token}/stand", get(stand))
        .route("/{token}/numbers", get(some_numbers))
        .route("/{token}/why", get(one_why))
        .route("/{token}/copy", get(one_copy))
        .route("/{token}/plane", get(one_plane))
        .route("/{token}/do", post(act).layer(DefaultBodyLimit::max(MESSAGE)))
        .route("/{token}/table", post(table).layer(DefaultBodyLimit::max(TABLE)))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, "there is no such page") })
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

/// A refusal in words.
fn refuse(status: StatusCode, why: &str) -> Response {
    answer(status, "application/json", json!({"refused": why}).to_string())
}

fn answer(status: StatusCode, kind: &'static str, text: impl Into<axum::body::Body>) -> Response {
    (status, [(CONTENT_TYPE, HeaderValue::from_static(kind))], text.into()).into_response()
}

fn reply(result: Result<Value, Error>) -> Response {
    match result {
        Ok(value) => answer(StatusCode::OK, "application/json", value.to_string()),
        Err(error) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
    }
}

fn asset(name: &str) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => answer(StatusCode::OK, kind, *text),
        None => refuse(StatusCode::NOT_FOUND, "there is no such file"),
    }
}

/// Lets through what comes from the page itself: the token in the path, a Host that is an address
/// of this server (a name that was bent to it is another), an Origin that is the page's own.
async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let why = stranger(&shared, request.headers(), request.uri().path());
    let mut response = match why {
        Some(why) => refuse(StatusCode::FORBIDDEN, why),
        None => next.run(request).await,
    };
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn stranger(shared: &Shared, headers: &HeaderMap, path: &str) -> Option<&'static str> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(HOST).unwrap_or_default();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
    let address: Option<IpAddr> = match name {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        name => name.trim_start_matches('[').trim_end_matches(']').parse().ok(),
    };
    let local = shared.address.ip().is_loopback();
    let known = address.is_some_and(|a| a.is_loopback() || !local);
    if !known || port.parse() != Ok(shared.address.port()) {
        return Some("the Host is another one; open the address that matgrad printed");
    }
    if headers.contains_key(ORIGIN) && text(ORIGIN) != Some(&format!("http://{host}")) {
        return Some("this comes from another page");
    }
    let given = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    // As long for a token that is nearly right.
    let differs = given.len() != shared.token.len()
        || given.bytes().zip(shared.token.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) != 0;
    differs.then_some("the token is missing or wrong; open the address that matgrad printed")
}

async fn state(State(shared): State<Shared>) -> Response {
    reply(Ok(view(&shared.session(), Changed::Page)))
}

async fn stand(State(shared): State<Shared>) -> Response {
    reply(Ok(view(&shared.session(), Changed::Talk)))
}

/// The words behind `?` in an address.
type Words = Query<HashMap<String, String>>;

async fn some_numbers(State(shared): State<Shared>, Query(words): Words) -> Response {
    let asked = words.get("of").map_or("", String::as_str).split(',');
    reply(Ok(numbers(&shared.session(), asked.filter_map(|n| n.parse().ok()).take(500))))
}

async fn one_why(State(shared): State<Shared>, Query(words): Words) -> Response {
    reply(why(&shared.session(), words.get("entry").map_or("", String::as_str)))
}

async fn one_copy(State(shared): State<Shared>, Query(words): Words) -> Response {
    let text = copy(&shared.session(), words.get("as").map_or("", String::as_str));
    reply(text.map(|text| json!({"text": text})))
}

async fn one_plane(State(shared): State<Shared>) -> Response {
    reply(plane(&shared.session()).map(|svg| json!({"svg": svg})))
}

/// The body, or why it is refused.
fn whole(body: Result<Bytes, BytesRejection>, most: usize) -> Result<Bytes, Box<Response>> {
    body.map_err(|rejected| {
        let status = rejected.status();
        let why = match status {
            StatusCode::PAYLOAD_TOO_LARGE => format!("more than {most} bytes are not taken"),
            _ => rejected.body_text(),
        };
        Box::new(refuse(status, &why))
    })
}

async fn act(State(shared): State<Shared>, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match whole(body, MESSAGE) {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    let message: Message = match serde_json::from_slice(&body) {
        Ok(message) => message,
        Err(error) => {
            let why = format!("this is no message of the page: {error}");
            return refuse(StatusCode::BAD_REQUEST, &why);
        }
    };
    if message == Message::Train
        && let Err(error) = training::start(&shared.session)
    {
        return reply(Err(error));
    }
    let mut session = shared.session();
    let changed = session.act(message);
    reply(changed.map(|changed| view(&session, changed)))
}

async fn table(
    State(shared): State<Shared>,
    Query(words): Words,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match whole(body, TABLE) {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    let name = words.get("name").map_or("table.csv", String::as_str);
    let mut session = shared.session();
    let changed = session.open(&body, name);
    reply(changed.map(|changed| view(&session, changed)))
}
