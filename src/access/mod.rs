//! Who is calling, and what they may do. An operation says who may call it by the type of its first argument:
//!
//! | type | who |
//! |---|---|
//! | [`Anyone`] | everyone, without credentials |
//! | [`Known`] | somebody signed in or with a token, whatever the workspace |
//! | [`Person`] | somebody signed in with a session cookie; no token |
//! | [`Caller`] roles: [`Viewer`], [`Member`], [`Editor`], [`Owner`] | at least a guest, member, admin, owner of the workspace in the address |
//!
//! A workspace that the caller does not belong to is not found.

mod api;
mod caller;
mod cookie;
mod credentials;
pub mod model;
mod oidc;
mod reset;
mod second_factor;
mod second_step;
mod signup;
pub mod store;
mod totp;

pub use api::{AccountApi, AuthApi, NewToken, TokensApi, new_token, with_cookie};
pub use caller::{Anyone, Caller, Editor, Known, Member, Owner, Person, Via, Viewer};
pub use cookie::{COOKIE, clear_cookie, new_session, session_cookie};
pub use credentials::{check_password_rules, give_back_try, hash_password, new_link, sign_in_user, take_try};
pub use oidc::OidcApi;
pub use reset::{PasswordApi, RESET_JOB, reset_job};
pub use second_factor::{SecondFactorApi, record_account};
pub use second_step::SecondStepApi;
pub use signup::SignUpApi;
pub use model::{Role, Session, Token, User};
