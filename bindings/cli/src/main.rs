//! `samanvay`: the command-line shell over the core.
//!
//! Knows arguments, printing and exit codes. Holds no rule of its own and links no hub: whatever it decides, the core
//! decided. Start at [`run`]; [`args`] has the commands.

mod admin;
mod args;
mod fail;
mod hindi;
mod out;
mod profile;
mod secret;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use samanvay_records::Lang;

use args::{Cli, Command, Language};
use fail::{Failure, Outcome};

fn main() -> ExitCode {
    let wanted = language(std::env::args());
    let command = Cli::command();
    let command = if wanted == Lang::Hi { hindi::translate(command) } else { command };
    let cli = match command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match run(cli, wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.lines.iter().for_each(|line| out::aside(line));
            if let Some(advice) = failure.advice(wanted) {
                out::aside(advice);
            }
            ExitCode::from(failure.code)
        }
    }
}

fn run(cli: Cli, lang: Lang) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|_| Failure::internal("no runtime to be had"))?;
    let out = out::Out { json: cli.json };
    match cli.command {
        Command::Admin(command) => runtime.block_on(admin::run(command, out)),
        command => {
            let place = profile::Place::new(cli.home, cli.profile, cli.pin_file, lang);
            runtime.block_on(profile::run(command, &place, out))
        }
    }
}

/// `--lang` wherever it stands, else the locale, else Hindi. Read before parsing, because help is text too.
fn language(arguments: impl Iterator<Item = String>) -> Lang {
    let arguments: Vec<String> = arguments.collect();
    let mut named = None;
    for (at, argument) in arguments.iter().enumerate() {
        if let Some(value) = argument.strip_prefix("--lang=") {
            named = Some(value.to_owned());
        } else if argument == "--lang" {
            named = arguments.get(at + 1).cloned();
        }
    }
    let locale = || {
        ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    };
    let code = named.or_else(locale).unwrap_or_default();
    if code.starts_with(code_of(Language::En)) { Lang::En } else { Lang::Hi }
}

fn code_of(language: Language) -> &'static str {
    match language {
        Language::Hi => Lang::Hi.code(),
        Language::En => Lang::En.code(),
    }
}
