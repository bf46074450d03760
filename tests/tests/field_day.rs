//! The field day keeps every promise, in both languages, sealed; what the search must not find it can find.
#![allow(clippy::unwrap_used)]

use samanvay_records::Lang;
use samanvay_tests::day::{Options, play};
use samanvay_vault::KdfParams;

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_of_the_day_is_kept_in_both_languages_and_in_a_second_day() {
    let folder = tempfile::tempdir().unwrap();
    for (name, lang) in [("first", Lang::Hi), ("second", Lang::En)] {
        let options = Options {
            dir: folder.path().join(name),
            lang,
            page: false,
            quiet: true,
            cost: KdfParams::WEAK_FOR_TESTS,
            unsealed_too: false,
        };
        let played = play(&options).await.unwrap();
        let broken: Vec<_> = played.teller.report.broken().collect();
        assert!(played.kept, "{broken:?}");
        assert!(played.teller.report.checks.len() > 20);
        assert!(played.teller.report.steps.iter().all(|step| step.key != "sync" || step.bytes.up > 0));
        played.stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_holds_something_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("day")).unwrap();
    std::fs::write(folder.path().join("day/notes"), "मेरी फ़ाइल").unwrap();
    let options = Options {
        dir: folder.path().to_owned(),
        lang: Lang::Hi,
        page: false,
        quiet: true,
        cost: KdfParams::WEAK_FOR_TESTS,
        unsealed_too: false,
    };
    assert!(play(&options).await.is_err());
    assert_eq!(std::fs::read_to_string(folder.path().join("day/notes")).unwrap(), "मेरी फ़ाइल");
}
