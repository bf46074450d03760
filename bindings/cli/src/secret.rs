//! Where PINs and passphrases come from: a file, the environment, or the terminal. Never an argument.

use std::fs;
use std::path::Path;

use crate::fail::{Failure, Outcome};

/// Reads a secret: the file if one is named, else the variable if it is set, else asks without echo.
pub(crate) fn read(file: Option<&Path>, variable: &str, prompt: &str) -> Outcome<String> {
    if let Some(file) = file {
        let text = fs::read_to_string(file).map_err(|_| Failure::not_found("file of a PIN or passphrase"))?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    if let Ok(value) = std::env::var(variable) {
        return Ok(value);
    }
    rpassword::prompt_password(format!("{prompt}: "))
        .map_err(|_| Failure::usage(format!("no terminal to ask at: name a file, or set {variable}")))
}
