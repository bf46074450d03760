//! A real hub with one police station, for the Kotlin and Swift tests: starts `samanvay-hub` and speaks lines with a test.
//!
//! Knows the admin's side and how a network fails. Refuses to know what is tested. Between devices and hub stands a relay
//! whose state the test chooses. Invariant: when standard input ends, the hub ends and its folder goes. Start at [`serve`].
//!
//! One line in, one line out. `ready` comes first, then `invite` → `invite CODE`; `approve` → `approved COUNT`;
//! `network open|down|silent` → `ok`; `held` → `held`, once a device has reached a silent network. A failure says `failed …`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;

use samanvay_records::admin::{Admin, Authority, HubInfo};
use samanvay_records::env::SystemClock;
use samanvay_sync::bytes::hex;
use samanvay_sync::client::{Client, Timeouts};
use samanvay_sync::id::{PostId, UnitId};
use samanvay_sync::log::{PostRole, Purpose, Rights, UnitKind};
use samanvay_sync::schema::Clearance;
use samanvay_vault::KdfParams;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

const PASSPHRASE: &str = "कोठी बाज़ार की पुरानी चाबी";
const BETUL: u32 = 394;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::from);
    match runtime.and_then(|runtime| runtime.block_on(serve())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = say(&format!("failed {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Sets everything up and answers lines until there are no more.
async fn serve() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut station = Station::start(folder.path()).await?;
    let (line, mut lines) = mpsc::unbounded_channel();
    let (here, mut gone) = watch::channel(());
    std::thread::spawn(move || {
        let _here = here;
        std::io::stdin().lines().map_while(Result::ok).try_for_each(|text| line.send(text))
    });
    say("ready")?;
    while let Some(line) = lines.recv().await {
        let answer = tokio::select! {
            answer = station.answer(line.trim()) => answer,
            _ = gone.changed() => break,
        };
        say(&answer.unwrap_or_else(|error| format!("failed {error}")))?;
    }
    Ok(())
}

fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// A police station with one post and one stream, its admin, its hub.
struct Station {
    admin: Admin,
    post: (UnitId, PostId),
    /// As devices see the hub: through the relay.
    info: HubInfo,
    client: Client,
    relay: Relay,
    _hub: Hub,
}

impl Station {
    async fn start(folder: &Path) -> Result<Self, Failure> {
        let cost = KdfParams::WEAK_FOR_TESTS;
        let authority = Authority::create(&folder.join("authority"), PASSPHRASE, cost)?;
        let (public, recovery) = (authority.public(), authority.recovery());
        let clock = Arc::new(SystemClock);
        let mut admin = Admin::create(&folder.join("admin"), PASSPHRASE, cost, public, recovery, clock)?;
        admin.accept_card(&authority.certify(admin.public()?, BETUL, "ज़िला प्रशासक, बैतूल"))?;
        let unit = admin.add_unit(UnitKind::PoliceStation, "महिला थाना बैतूल")?;
        let post = admin.add_post(unit, PostRole::FieldWorker, "बीट अधिकारी")?;
        let all = Clearance::from_bits(0b1_1111)?;
        let stream = admin.add_stream(Purpose::Unit, all, "महिला थाना बैतूल: अपना काम")?;
        admin.set_member(stream, unit, post, Rights::BOTH)?;

        let (hub, mut info) = Hub::start(&folder.join("hub"), &hex(&public))?;
        let client = Client::new(&info.url, &info.ca, &[info.pin], Timeouts::default())?;
        admin.publish(&client).await?;
        let relay = Relay::start(info.url.trim_start_matches("https://").to_owned()).await?;
        info.url = format!("https://{}", relay.address);
        Ok(Self { admin, post: (unit, post), info, client, relay, _hub: hub })
    }

    async fn answer(&mut self, line: &str) -> Result<String, Failure> {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("invite", _) => {
                let code = self.admin.invite(self.post.0, self.post.1, &self.info, 900)?;
                Ok(format!("invite {}", code.as_str()))
            }
            ("approve", _) => {
                let pending = self.admin.pending(&self.client).await?;
                for device in &pending {
                    self.admin.approve(device)?;
                }
                self.admin.publish(&self.client).await?;
                Ok(format!("approved {}", pending.len()))
            }
            ("network", "open") => self.relay.set(Network::Open).await,
            ("network", "down") => self.relay.set(Network::Down).await,
            ("network", "silent") => self.relay.set(Network::Silent).await,
            ("held", _) => Ok(self.relay.held().await?),
            _ => Err("no such line".into()),
        }
    }
}

/// The hub's process. Its own lines go to standard error.
struct Hub(Child);

impl Hub {
    fn start(folder: &Path, authority: &str) -> Result<(Self, HubInfo), Failure> {
        let program: PathBuf = std::env::current_exe()?.with_file_name("samanvay-hub");
        let mut command = Command::new(program);
        command.arg("serve").arg("--dir").arg(folder).args(["--authority", authority]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let errors = child.stderr.take();
        let hub = Self(child);
        let mut lines = BufReader::new(errors.ok_or("the hub has no standard error")?).lines();
        loop {
            let line = lines.next().ok_or("the hub ended before it listened")??;
            if line.starts_with("listening on ") {
                break;
            }
        }
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        });
        let public = std::fs::read_to_string(folder.join("hub.json"))?;
        Ok((hub, HubInfo::from_json(&public).ok_or("hub.json cannot be read")?))
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What happens to a new connection.
#[derive(Clone, Copy)]
enum Network {
    /// It reaches the hub.
    Open,
    /// It is closed at once.
    Down,
    /// It is taken, and nobody ever answers.
    Silent,
}

/// Stands between devices and the hub.
struct Relay {
    address: SocketAddr,
    network: watch::Sender<Network>,
    /// Connections that reach the hub.
    open: watch::Sender<usize>,
    held: watch::Sender<Vec<TcpStream>>,
}

impl Relay {
    async fn start(hub: String) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (network, open, held) =
            (watch::Sender::new(Network::Open), watch::Sender::new(0), watch::Sender::new(Vec::new()));
        let (mut state, count, keep) = (network.subscribe(), open.clone(), held.clone());
        tokio::spawn(async move {
            while let Ok((device, _)) = listener.accept().await {
                let now = *state.borrow_and_update();
                match now {
                    Network::Open => {
                        count.send_modify(|open| *open += 1);
                        let (hub, changed, count) = (hub.clone(), state.clone(), count.clone());
                        tokio::spawn(async move {
                            // A connection that breaks is the test's matter, not ours.
                            let _ = carry(device, &hub, changed).await;
                            count.send_modify(|open| *open -= 1);
                        });
                    }
                    Network::Down => drop(device),
                    Network::Silent => keep.send_modify(|held| held.push(device)),
                }
            }
        });
        Ok(Self { address, network, open, held })
    }

    /// Changes the network. Devices keep connections for later: returns once they have seen those end.
    async fn set(&self, network: Network) -> Result<String, Failure> {
        self.held.send_modify(Vec::clear);
        self.network.send_replace(network);
        self.open.subscribe().wait_for(|open| *open == 0).await?;
        Ok("ok".to_owned())
    }

    /// Waits until a device has been taken in and left without an answer.
    async fn held(&self) -> Result<String, Failure> {
        self.held.subscribe().wait_for(|held| !held.is_empty()).await?;
        Ok("held".to_owned())
    }
}

/// Carries bytes both ways until one side ends or the network changes; then waits until the device has hung up.
async fn carry(mut device: TcpStream, hub: &str, mut network: watch::Receiver<Network>) -> std::io::Result<()> {
    let mut hub = TcpStream::connect(hub).await?;
    tokio::select! {
        carried = copy_bidirectional(&mut device, &mut hub) => drop(carried?),
        _ = network.changed() => drop(hub),
    }
    device.shutdown().await?;
    let mut rest = [0; 4096];
    while device.read(&mut rest).await? > 0 {}
    Ok(())
}
