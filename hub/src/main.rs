//! The program `samanvay-hub`: reads its arguments, starts the hub, stops it on an interrupt.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::task::Poll;

use clap::{Args, Parser, Subcommand, ValueEnum};
use samanvay_hub::{Config, Hub, HubError};
use samanvay_sync::bytes::unhex;

const EXIT_CODES: &str = "\
Exit codes: 0 stopped by an interrupt · 1 internal · 2 wrong arguments · 3 a private key of the authority or an admin \
lies in the hub's folders · 4 the address cannot be listened on · 5 the hub's folder is damaged, newer, or of another \
authority · 6 a file cannot be read or written";

/// Carries sealed segments between devices, orders membership logs and serves the open page. It cannot read what is sealed.
#[derive(Parser)]
#[command(version, about, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the hub until an interrupt (Ctrl-C).
    #[command(after_help = EXIT_CODES)]
    Serve(Serve),
    /// Say once, while the hub is stopped, that its folder came back from a backup: phones then offer again what is missing.
    #[command(after_help = EXIT_CODES)]
    Restored(Restored),
}

#[derive(Args)]
struct Restored {
    /// The hub's folder.
    #[arg(long)]
    dir: PathBuf,
}

#[derive(Args)]
struct Serve {
    /// The hub's folder. Made at the first start with a certificate authority, a receipt key, a store and `hub.json`.
    #[arg(long)]
    dir: PathBuf,
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A name or address for the server certificate and the URL; may be given several times, the first goes into the URL.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// The state authority's public key in hex. Needed once; without it every log entry is refused.
    #[arg(long, value_name = "HEX", value_parser = parse_key)]
    authority: Option<[u8; 32]>,
    /// Folder of *.schema files. Ops of other forms are refused in open streams.
    #[arg(long, value_name = "DIR")]
    schemas: Option<PathBuf>,
    /// Serve the open page over plain HTTP too, on this loopback address, for a browser on this machine.
    #[arg(long, value_name = "ADDRESS")]
    page: Option<SocketAddr>,
    /// Whether counts of cases from 1 to 4 are shown on the open page.
    #[arg(long, value_enum, default_value = "hide")]
    small_cells: SmallCells,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SmallCells {
    Show,
    Hide,
}

fn parse_key(text: &str) -> Result<[u8; 32], &'static str> {
    let key = unhex(text).and_then(|key| key.try_into().ok());
    key.ok_or("a public key is 64 hex digits")
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(serve) => run(serve),
        Command::Restored(restored) => Hub::restored(&restored.dir),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("samanvay-hub: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(serve: Serve) -> Result<(), HubError> {
    let mut config = Config::new(&serve.dir);
    config.listen = serve.listen;
    config.names = serve.names;
    config.authority = serve.authority;
    config.schemas = serve.schemas;
    config.page = serve.page;
    config.show_small_cells = serve.small_cells == SmallCells::Show;
    let runtime =
        tokio::runtime::Runtime::new().map_err(|source| HubError::File { path: serve.dir.clone(), source })?;
    runtime.block_on(async {
        // Watched from before it is said that the hub listens: whoever reads that may interrupt at once.
        let mut interrupt = pin!(tokio::signal::ctrl_c());
        let watched = poll_fn(|context| Poll::Ready(interrupt.as_mut().poll(context))).await;
        let hub = Hub::start(config).await?;
        say(&format!("listening on {}", hub.public().url));
        if let Some(page) = hub.page() {
            say(&format!("open page on http://{page}/"));
        }
        let interrupted = match watched {
            Poll::Ready(at_once) => at_once,
            Poll::Pending => interrupt.await,
        };
        // If interrupts cannot be watched the hub still serves; it then ends without a graceful stop.
        if interrupted.is_err() {
            std::future::pending::<()>().await;
        }
        hub.stop().await;
        Ok(())
    })
}

/// One line to standard error, beside the log lines.
fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
