//! The hub's paths over HTTP.
//!
//! Knows methods, caps and status codes; refuses to know what bodies mean. Invariant: a body above the cap is never held
//! whole, work that blocks runs off the network threads, and every answer is logged without content. Start at [`routers`].

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use samanvay_sync::wire::Refusal;
use tokio::time::timeout;

use crate::config::Limits;
use crate::log::Line;
use crate::page;
use crate::service::{Failure, OpenPage, Service};
use crate::work::{Places, Room};

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Most appends at once. They are judged one after the other, and must not take all places while they wait.
const APPENDING: usize = 8;
/// Most readers of the open page at once; the numbers are kept for some seconds.
const READING: usize = 4;

/// What a path does with a body.
type Work = fn(&Service, &[u8]) -> Result<Vec<u8>, Failure>;

struct Api {
    service: Arc<Service>,
    body: Duration,
    room: Room,
    working: Places,
    appending: Places,
    reading: Places,
}

/// Every path of the hub, and the open page alone.
pub(crate) fn routers(service: Arc<Service>, limits: Limits) -> (Router, Router) {
    let api = Arc::new(Api {
        service,
        body: limits.body,
        room: Room::new(limits.bodies),
        working: Places::new(limits.working),
        appending: Places::new(APPENDING),
        reading: Places::new(READING),
    });
    let call = |event: &'static str, content: HeaderValue, places: fn(&Api) -> &Places, work: Work| {
        post(move |State(api): State<Arc<Api>>, request: Request| async move {
            let places = places(&api);
            api.answer(event, content, places, work, request).await
        })
    };
    let open = open_routes(Arc::clone(&api));
    let all = Router::new()
        .route("/v1/sync", call("sync", BYTES, |api| &api.working, Service::sync))
        .route("/v1/log", call("append", JSON, |api| &api.appending, Service::append))
        .route("/v1/admin", call("admin", BYTES, |api| &api.working, Service::admin))
        .route("/v1/enrol", call("enrol", JSON, |api| &api.working, Service::enrol))
        .with_state(api)
        .merge(open.clone());
    (all, open)
}

fn open_routes(api: Arc<Api>) -> Router {
    let page = |State(api): State<Arc<Api>>| async move { api.open(|open| (HTML, page::html(open))).await };
    let numbers =
        |State(api): State<Arc<Api>>| async move { api.open(|open| (JSON, open.figures.to_json().to_string())).await };
    Router::new().route("/", get(page)).route("/open.json", get(numbers)).with_state(api)
}

impl Api {
    async fn answer(
        &self,
        event: &'static str,
        content: HeaderValue,
        places: &Places,
        work: Work,
        request: Request,
    ) -> Response {
        let started = self.service.now();
        // An unfinished body is damage to the request; the client sends it again.
        let read = timeout(self.body, self.room.read(request.into_body())).await.unwrap_or(Err(Refusal::Malformed));
        let (received, result) = match read {
            Ok(body) => (body.bytes().len(), self.work(places, move |service| work(service, body.bytes())).await),
            Err(refusal) => (0, Err(Failure::Refused(refusal))),
        };
        let millis = usize::try_from(self.service.now().saturating_sub(started)).unwrap_or(usize::MAX);
        let line = Line::new(event).count("up", received).count("millis", millis);
        let (line, response) = match result {
            Ok(reply) => {
                let line = line.count("down", reply.len()).word("result", "ok");
                (line, ([(CONTENT_TYPE, content)], reply).into_response())
            }
            Err(Failure::Refused(refusal)) => (line.word("result", refusal.code()), refuse(refusal)),
            Err(Failure::Store(error)) => (line.word("result", error.word()), refuse(Refusal::Busy)),
        };
        line.to(self.service.log());
        response
    }

    async fn open(&self, show: fn(&OpenPage) -> (HeaderValue, String)) -> Response {
        match self.work(&self.reading, move |service| service.open().map(|open| show(&open))).await {
            Ok((content, text)) => {
                let headers = [(CONTENT_TYPE, content), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, NO_STORE)];
                (headers, text).into_response()
            }
            Err(Failure::Refused(refusal)) => refuse(refusal),
            Err(Failure::Store(_)) => refuse(Refusal::Busy),
        }
    }

    /// Too much work at once is refused, and so is who met a panic: both come again.
    async fn work<T: Send + 'static>(
        &self,
        places: &Places,
        work: impl FnOnce(&Service) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let service = Arc::clone(&self.service);
        places.run(move || work(&service)).await.unwrap_or(Err(Failure::Refused(Refusal::Busy)))
    }
}

fn refuse(refusal: Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, JSON)], refusal.to_json()).into_response()
}
