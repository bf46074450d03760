//! The counter-proof in a process of its own: once sealing is stopped there is no way back.
#![allow(clippy::unwrap_used)]

use samanvay_records::Lang;
use samanvay_tests::day::{Options, play};
use samanvay_vault::KdfParams;

#[tokio::test(flavor = "multi_thread")]
async fn without_sealing_the_same_search_finds_every_name() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        dir: folder.path().to_owned(),
        lang: Lang::En,
        page: false,
        quiet: true,
        cost: KdfParams::WEAK_FOR_TESTS,
        unsealed_too: true,
    };
    let played = play(&options).await.unwrap();
    let broken: Vec<_> = played.teller.report.broken().collect();
    assert!(played.kept, "{broken:?}");
    assert!(!folder.path().join("unsealed").exists(), "nothing in clear is left behind");
    played.stage.end().await;
}
