//! The drivers on the command line: `field-day`, `bench`. Says what it does on standard output.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::Local;
use clap::{Parser, Subcommand, ValueEnum};
use samanvay_records::Lang;
use samanvay_tests::day::{self, Options, Played};
use samanvay_tests::{Failure, Result, bench, kill};
use samanvay_vault::KdfParams;
use tokio::runtime::Runtime;

const EXIT_CODES: &str = "Exit codes: 0 every promise was kept · 1 a promise was broken · 2 wrong arguments · 3 it could \
not be played to its end";

/// Plays Samanvay across devices and a hub, and measures it.
#[derive(Parser)]
#[command(version, about, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play one day in Betul and Bhopal with five people, then look for every name in everything that was written or sent.
    #[command(after_help = EXIT_CODES)]
    FieldDay {
        /// A new folder for everything; without it one is made here.
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Keep the hub running with its open page until an interrupt (Ctrl-C).
        #[arg(long)]
        serve: bool,
        /// Language of devices and telling; without it that of the environment.
        #[arg(long, value_enum)]
        lang: Option<Language>,
    },
    /// Measure.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Saves, syncs and changes the PIN until it is killed. Started by the kill test.
    #[command(hide = true)]
    KillChild {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        pin: String,
        #[arg(long)]
        seed: u64,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// Bytes of a sync, headers and TLS included.
    Bytes,
    /// CPU, fsyncs and time of a save.
    Save {
        /// Measures in this process and prints JSON. Started by the bench itself.
        #[arg(long, hide = true)]
        inner: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Hi,
    En,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "samanvay-tests: {error}");
            ExitCode::from(3)
        }
    }
}

fn run(command: Command) -> Result<bool> {
    let runtime = Runtime::new().map_err(|error| Failure::File(PathBuf::from("runtime"), error))?;
    match command {
        Command::FieldDay { dir, serve, lang } => runtime.block_on(field_day(dir, serve, language(lang))),
        Command::Bench { what: Bench::Bytes } => Ok(tell(&runtime.block_on(bench::bytes())?)),
        Command::Bench { what: Bench::Save { inner: true } } => Ok(tell(&runtime.block_on(bench::save_inner())?)),
        Command::Bench { what: Bench::Save { inner: false } } => Ok(tell(&bench::save()?)),
        Command::KillChild { dir, pin, seed } => runtime.block_on(kill::child(&dir, &pin, seed)).map(|()| true),
    }
}

async fn field_day(dir: Option<PathBuf>, serve: bool, lang: Lang) -> Result<bool> {
    let dir = dir.unwrap_or_else(|| PathBuf::from(format!("field-day-{}", Local::now().format("%Y%m%d-%H%M%S"))));
    let cost = KdfParams::STANDARD;
    let options = Options { dir: dir.clone(), lang, page: serve, quiet: false, cost, unsealed_too: true };
    let Played { kept, stage, mut teller } = day::play(&options).await?;
    teller.say(&format!("{}: {}", teller.word("folder"), dir.display()));
    if serve {
        let hub = stage.hub();
        let ca = stage.hub_dir().join("ca.pem");
        teller.say(&format!("\n{}\n  {}/", teller.word("serving"), hub.public().url));
        teller.say(&format!("  {} (curl --cacert): {}", teller.word("accept_ca"), ca.display()));
        if let Some(page) = hub.page() {
            teller.say(&format!("  {}: http://{page}/", teller.word("plain_page")));
        }
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
    stage.end().await;
    Ok(kept)
}

/// Says a bench's table; a figure above its promise is a broken promise.
fn tell(measured: &bench::Measured) -> bool {
    say(&measured.table);
    measured.kept
}

fn say(text: &str) {
    // A closed terminal is no reason to fail.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// The language asked for, else the environment's, else Hindi.
fn language(asked: Option<Language>) -> Lang {
    match asked {
        Some(Language::Hi) => Lang::Hi,
        Some(Language::En) => Lang::En,
        None => {
            let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
            let first = set.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
            if first.starts_with("en") { Lang::En } else { Lang::Hi }
        }
    }
}
