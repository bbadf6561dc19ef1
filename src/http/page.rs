//! Lists: how a page is asked for and how it is answered.

use poem::{
    IntoResponse, Response,
    http::{HeaderName, HeaderValue},
};
use poem_openapi::{
    ApiResponse, Object,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::{ParseFromJSON, ToJSON, Type},
};

use crate::error::{Error, Result};

/// Which part of a list: `limit` 1 to 100, `offset` from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    pub limit: i64,
    pub offset: i64,
}

impl Paging {
    /// Anything out of range is an error, not silently clamped. `flat` lists (see `Scope`) are 100 long by default.
    pub fn new(limit: Option<i64>, offset: Option<i64>, flat: bool) -> Result<Self> {
        let limit = limit.unwrap_or(if flat { 100 } else { 25 });
        let offset = offset.unwrap_or(0);
        if !(1..=100).contains(&limit) {
            return Err(Error::invalid("limit", "must be a number from 1 to 100"));
        }
        if offset < 0 {
            return Err(Error::invalid("offset", "must be 0 or more"));
        }
        Ok(Paging { limit, offset })
    }
}

/// One page of a list: an object with the total, or, in the flat form of a workspace's lists, a bare array with
/// `X-Total-Count`.
pub struct Listing<T> {
    pub data: Vec<T>,
    pub total: i64,
    pub paging: Paging,
    pub flat: bool,
}

impl<T> Listing<T> {
    /// The part that was asked for of a list that is short enough to be read whole.
    pub fn of(all: Vec<T>, paging: Paging) -> Self {
        let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let (from, most) = (usize::try_from(paging.offset).unwrap_or(usize::MAX), usize::try_from(paging.limit).unwrap_or_default());
        Listing { data: all.into_iter().skip(from).take(most).collect(), total, paging, flat: false }
    }
}

impl<T: Send + Sync + Type + ToJSON + ParseFromJSON> IntoResponse for Listing<T> {
    fn into_response(self) -> Response {
        let total = HeaderValue::from(self.total);
        let mut response = if self.flat {
            Json(self.data).into_response()
        } else {
            Json(Page { data: self.data, total: self.total, limit: self.paging.limit, offset: self.paging.offset }).into_response()
        };
        response.headers_mut().insert(HeaderName::from_static("x-total-count"), total);
        response
    }
}

/// The shape of a page.
#[derive(Object)]
pub struct Page<T: Send + Sync + Type + ToJSON + ParseFromJSON> {
    data: Vec<T>,
    /// How many there are in all.
    total: i64,
    limit: i64,
    offset: i64,
}

impl<T: Send + Sync + Type + ToJSON + ParseFromJSON> ApiResponse for Listing<T> {
    fn meta() -> MetaResponses {
        let schema: MetaSchemaRef = Page::<T>::schema_ref();
        MetaResponses {
            responses: vec![MetaResponse {
                description: "One page.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType { content_type: Json::<Page<T>>::CONTENT_TYPE, schema }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        Page::<T>::register(registry);
    }
}
