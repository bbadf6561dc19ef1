//! Signing in with OpenID Connect: the authorization code flow with PKCE (RFC 7636, S256), as OpenID Connect Core 1.0
//! describes it, with any issuer that has a discovery document.
//!
//! Between the two requests nothing is kept here: state, nonce and verifier wait sealed in a cookie of ten minutes, which
//! also ties the answer to the browser that asked. Discovery and keys are fetched anew for each sign-in: these are rare, and
//! a key that the issuer has replaced is never trusted a moment longer than the issuer does.

mod account;
mod api;
mod issuer;
mod verify;

pub use api::OidcApi;
