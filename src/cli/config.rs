//! `illumichat config`.

use super::{Common, print_json, print_line};
use crate::error::Result;

pub(super) fn run(common: &Common) -> Result<()> {
    let loaded = common.load(&[])?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    if common.json {
        return print_json(&loaded.settings);
    }
    let width = loaded.settings.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
    for setting in &loaded.settings {
        print_line(&format!("{:width$}  {}  ({})", setting.key, setting.value, setting.origin))?;
    }
    Ok(())
}
