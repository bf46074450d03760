//! What the hub is known by: its certificate authority, its receipt key and the public page of both, `hub.json`.
//!
//! Knows the files of the hub's folder and makes what is missing. Refuses to live beside a private key of the authority
//! or an admin. Invariant: the certificate authority and the receipt key are made once and never change, because every
//! phone pins them; the server's own certificate is made anew at each start and kept in memory only. Start at
//! [`Identity::open`].

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData as _,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use samanvay_sync::bytes::{hex, unhex};
use samanvay_sync::keys::{SignKey, SystemRandom, draw, sha256};
use serde_json::{Value, json};

use crate::error::HubError;

/// The first bytes of every private key file of the authority and of admins.
const PRIVATE_KEY: &[u8] = b"samanvay-private-key";
const CA_KEY: &str = "ca-key.pem";
const CA_CERTIFICATE: &str = "ca.pem";
const RECEIPT_KEY: &str = "receipt-key";
const PUBLIC: &str = "hub.json";
/// Folders deeper than this below the hub's are not looked into.
const DEPTH: usize = 8;

/// What invites need to know of a hub; the content of `hub.json`, where bytes stand in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubPublic {
    /// `https://name:port`.
    pub url: String,
    /// The certificate authority's certificate, DER (`ca_der`).
    pub ca_der: Vec<u8>,
    /// The same as PEM, for browsers (`ca_pem`).
    pub ca_pem: String,
    /// SHA-256 of its `SubjectPublicKeyInfo` (`ca_pin`).
    pub ca_pin: [u8; 32],
    /// The key that signs receipts (`hub_public`).
    pub hub_public: [u8; 32],
    /// The state authority (`authority`, `null` if none is set).
    pub authority: Option<[u8; 32]>,
}

impl HubPublic {
    fn to_json(&self) -> Value {
        json!({
            "url": self.url,
            "ca_der": hex(&self.ca_der),
            "ca_pem": self.ca_pem,
            "ca_pin": hex(&self.ca_pin),
            "hub_public": hex(&self.hub_public),
            "authority": self.authority.map(|key| hex(&key)),
        })
    }
}

pub(crate) struct Identity {
    dir: PathBuf,
    ca: KeyPair,
    ca_der: CertificateDer<'static>,
    ca_pem: String,
    pub(crate) authority: Option<[u8; 32]>,
}

impl Identity {
    /// Opens the folder, making it and what is missing in it.
    pub(crate) fn open(dir: &Path, authority: Option<[u8; 32]>) -> Result<Self, HubError> {
        fs::create_dir_all(dir).map_err(|source| HubError::File { path: dir.to_owned(), source })?;
        let authority = match (authority, earlier_authority(dir)?) {
            (Some(given), Some(earlier)) if given != earlier => return Err(HubError::OtherAuthority),
            (given, earlier) => given.or(earlier),
        };
        let (ca, ca_pem) = open_ca(dir)?;
        let ca_der = der_of_pem(&ca_pem).ok_or_else(|| damaged(dir.join(CA_CERTIFICATE), "no certificate in it"))?;
        Ok(Self { dir: dir.to_owned(), ca, ca_der, ca_pem, authority })
    }

    /// A server certificate for these names and its key.
    pub(crate) fn server_certificate(
        &self,
        names: &[String],
    ) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), HubError> {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter().chain(names.iter().cloned());
        let names: Vec<String> = names.collect();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(tls)?;
        let mut params = CertificateParams::new(names).map_err(tls)?;
        params.distinguished_name = name("Samanvay hub");
        let ca = ca_params();
        let issuer = Issuer::from_params(&ca, &self.ca);
        let certificate = params.signed_by(&key, &issuer).map_err(tls)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|why| HubError::Tls(why.to_owned()))?;
        Ok((certificate.der().clone(), key))
    }

    /// The key that signs receipts.
    pub(crate) fn receipt_key(&self) -> Result<SignKey, HubError> {
        open_receipt_key(&self.dir.join(RECEIPT_KEY))
    }

    /// Writes `hub.json` for this address and gives its content.
    pub(crate) fn publish(
        &self,
        address: SocketAddr,
        names: &[String],
        hub_public: [u8; 32],
    ) -> Result<HubPublic, HubError> {
        let name = match (names.first(), address.ip()) {
            (Some(name), _) => name.clone(),
            (None, IpAddr::V4(ip)) if !ip.is_unspecified() => ip.to_string(),
            (None, IpAddr::V6(ip)) if !ip.is_unspecified() => format!("[{ip}]"),
            (None, _) => "localhost".to_owned(),
        };
        let public = HubPublic {
            url: format!("https://{name}:{}", address.port()),
            ca_der: self.ca_der.to_vec(),
            ca_pem: self.ca_pem.clone(),
            ca_pin: sha256(&[&self.ca.subject_public_key_info()]).0,
            hub_public,
            authority: self.authority,
        };
        let text = format!("{:#}\n", public.to_json());
        replace(&self.dir.join(PUBLIC), text.as_bytes())?;
        Ok(public)
    }
}

/// Refuses if any file in `folders` is a private key of the authority or an admin, by its name or its first bytes.
pub(crate) fn refuse_private_keys(folders: &[&Path]) -> Result<(), HubError> {
    let mut waiting: Vec<(PathBuf, usize)> = folders.iter().map(|folder| ((*folder).to_owned(), 0)).collect();
    while let Some((folder, depth)) = waiting.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(HubError::File { path: folder, source }),
        };
        for entry in entries {
            let path = entry.map_err(|source| HubError::File { path: folder.clone(), source })?.path();
            if path.is_dir() {
                if depth < DEPTH {
                    waiting.push((path, depth + 1));
                }
            } else if named_private(&path) || begins_private(&path)? {
                return Err(HubError::PrivateKeyBeside(path));
            }
        }
    }
    Ok(())
}

fn named_private(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_ascii_lowercase();
    let is_key = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("key"));
    is_key && (stem.starts_with("authority") || stem.starts_with("admin"))
}

fn begins_private(path: &Path) -> Result<bool, HubError> {
    let file_error = |source| HubError::File { path: path.to_owned(), source };
    if !path.is_file() {
        return Ok(false); // a socket or a dangling link holds no key, and reading one could block
    }
    let mut first = Vec::with_capacity(PRIVATE_KEY.len());
    let file = fs::File::open(path).map_err(file_error)?;
    file.take(PRIVATE_KEY.len() as u64).read_to_end(&mut first).map_err(file_error)?;
    Ok(first == PRIVATE_KEY)
}

fn earlier_authority(dir: &Path) -> Result<Option<[u8; 32]>, HubError> {
    let path = dir.join(PUBLIC);
    let Some(text) = read_if_there(&path)? else { return Ok(None) };
    let value: Value = serde_json::from_str(&text).map_err(|_| damaged(path.clone(), "not JSON"))?;
    match value.get("authority") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            let key = unhex(text).and_then(|key| key.try_into().ok());
            key.map(Some).ok_or_else(|| damaged(path, "authority is no key"))
        }
        Some(_) => Err(damaged(path, "authority is no key")),
    }
}

fn open_ca(dir: &Path) -> Result<(KeyPair, String), HubError> {
    let (key_path, certificate_path) = (dir.join(CA_KEY), dir.join(CA_CERTIFICATE));
    let key = if let Some(pem) = read_if_there(&key_path)? {
        KeyPair::from_pem(&pem).map_err(|_| damaged(key_path, "no key in it"))?
    } else {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(tls)?;
        write_new_private(&key_path, key.serialize_pem().as_bytes())?;
        key
    };
    if let Some(pem) = read_if_there(&certificate_path)? {
        return Ok((key, pem));
    }
    let pem = ca_params().self_signed(&key).map_err(tls)?.pem();
    replace(&certificate_path, pem.as_bytes())?;
    Ok((key, pem))
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Samanvay hub CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn open_receipt_key(path: &Path) -> Result<SignKey, HubError> {
    let seed: [u8; 32] = if let Some(text) = read_if_there(path)? {
        let seed = unhex(text.trim()).and_then(|seed| seed.try_into().ok());
        seed.ok_or_else(|| damaged(path.to_owned(), "no key in it"))?
    } else {
        let seed = draw::<32>(&mut SystemRandom::new()).map_err(|error| HubError::Tls(error.to_string()))?;
        write_new_private(path, hex(&seed).as_bytes())?;
        seed
    };
    SignKey::from_seed(&seed).map_err(|_| damaged(path.to_owned(), "no key in it"))
}

fn der_of_pem(pem: &str) -> Option<CertificateDer<'static>> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(pem.as_bytes()).ok()
}

fn read_if_there(path: &Path) -> Result<Option<String>, HubError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(HubError::File { path: path.to_owned(), source }),
    }
}

/// Writes a private file that only this user may read, whole or not at all.
fn write_new_private(path: &Path, bytes: &[u8]) -> Result<(), HubError> {
    write_beside(path, bytes, true)
}

/// Puts new content in the place of a file, whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), HubError> {
    write_beside(path, bytes, false)
}

fn write_beside(path: &Path, bytes: &[u8], private: bool) -> Result<(), HubError> {
    let file_error = |source| HubError::File { path: path.to_owned(), source };
    let beside = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if private {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&beside).map_err(file_error)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(file_error)?;
    fs::rename(&beside, path).map_err(file_error)?;
    // The name must survive a power cut too.
    let folder = path.parent().unwrap_or(path);
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(file_error)
}

fn damaged(path: PathBuf, why: &'static str) -> HubError {
    HubError::Damaged { path, why }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn tls(error: rcgen::Error) -> HubError {
    HubError::Tls(error.to_string())
}
