//! Answers: a status, a body and a few headers.

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The type of Prometheus' text format.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is sent back.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    content: &'static str,
    body: String,
    retry_after_s: Option<u64>,
}

impl Answer {
    /// Answers with JSON.
    pub(crate) fn json(status: StatusCode, value: &Value) -> Answer {
        Answer { status, content: "application/json", body: value.to_string(), retry_after_s: None }
    }

    /// Answers with metrics.
    pub(crate) fn prometheus(body: String) -> Answer {
        Answer { status: StatusCode::OK, content: PROMETHEUS, body, retry_after_s: None }
    }

    /// Answers that it cannot be.
    pub(crate) fn refusal(status: StatusCode, message: &str) -> Answer {
        let error = status.canonical_reason().unwrap_or("Error");
        Answer::json(status, &json!({ "error": error, "message": message }))
    }

    /// Answers that there were too many questions.
    pub(crate) fn too_many(message: &str, retry_after_s: u64) -> Answer {
        let body = json!({ "error": "Too Many Requests", "message": message, "retry_after": retry_after_s });
        Answer { retry_after_s: Some(retry_after_s), ..Answer::json(StatusCode::TOO_MANY_REQUESTS, &body) }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
