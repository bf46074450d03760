//! The open page: figures as HTML, in Hindi and English.
//!
//! Knows words and tables. Refuses to know streams. Invariant: every text that is not fixed here is escaped. Start at
//! [`html`].

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::figures::{Count, Figures};
use crate::service::OpenPage;

const HEAD: &str = r#"<!doctype html><html lang="hi"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>समन्वय: खुले आँकड़े · Open figures</title>
<style>
body{font:1.1rem/1.6 "Noto Sans Devanagari",sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 2rem}
th,td{border:1px solid #777;padding:.3rem .8rem;text-align:right}
th{background:#eee;font-weight:600}
th[scope=row]{text-align:left}
small{color:#444}
</style>
<h1>समन्वय <small>Samanvay</small></h1>
"#;
const GENDERS: [(&str, &str); 4] =
    [("f", "महिला · Female"), ("m", "पुरुष · Male"), ("t", "ट्रांसजेंडर · Transgender"), ("u", "अज्ञात · Not known")];

/// What is not shown, and why; the reader must be able to tell a hidden count from none.
const HIDDEN: &str = "<p><small>केवल खुली धाराओं से; किसी व्यक्ति का विवरण यहाँ नहीं है। मामलों की 1 से 4 तक की गिनती «&lt;5» लिखी है, और उसका कुल भी छिपा (–) है। \
     जिस आयु-वर्ग में 1 से 4 लोग आए, वह और उसके बाद का वर्ग छिपा (–) है; जिस वर्ग के किसी खाने में 1 से 4 हों, उसका महिला-पुरुष बँटवारा छिपा है। \
     बाल देखरेख संस्थाओं और वन स्टॉप सेंटर में आए लोग केवल एक कुल में गिने हैं। · \
     From open streams only; nothing here is about a person. Counts of cases from 1 to 4 stand as «&lt;5», and their total is hidden (–). \
     An age band that 1 to 4 people belong to is hidden (–) with the band after it; where a cell of a band holds 1 to 4, its split by gender is hidden. \
     People reached in child-care institutions and one-stop centres are counted in one total only.</small></p>\n";
const SHOWN: &str = "<p><small>केवल खुली धाराओं से; किसी व्यक्ति का विवरण यहाँ नहीं है। इस केंद्र के संचालक ने छोटी गिनतियाँ दिखाने को कहा है। · \
     From open streams only; nothing here is about a person. The operator of this hub has asked to show small counts.</small></p>\n";

/// The page.
pub(crate) fn html(open: &OpenPage) -> String {
    let OpenPage { figures, districts } = open;
    let mut out = HEAD.to_owned();
    sessions(&mut out, figures);
    people(&mut out, figures);
    open_missing(&mut out, figures, districts);
    out.push_str(if figures.shows_small { SHOWN } else { HIDDEN });
    out
}

fn sessions(out: &mut String, figures: &Figures) {
    out.push_str(
        "<h2>जागरूकता सत्र · Awareness sessions</h2>\n<table><tr><th>अभियान · Campaign<th>सत्र · Sessions</tr>\n",
    );
    for (campaign, n) in &figures.sessions {
        row(out, campaign, &[n.to_string()]);
    }
    row(out, "कुल · Total", &[figures.sessions_total().to_string()]);
    out.push_str("</table>\n");
}

fn people(out: &mut String, figures: &Figures) {
    out.push_str("<h2>लोगों तक पहुँच · People reached</h2>\n<table><tr><th>आयु · Age");
    for (_, label) in GENDERS {
        let _ = write!(out, "<th>{label}");
    }
    out.push_str("<th>कुल · Total</tr>\n");
    let in_total = |total| {
        let mut cells = vec!["–".to_owned(); GENDERS.len()];
        cells.push(shown(total));
        cells
    };
    for band in &figures.people {
        let cells = match &band.genders {
            Some(of) => {
                let cell = |gender: &str| of.get(gender).copied().unwrap_or(0).to_string();
                GENDERS.iter().map(|(gender, _)| cell(gender)).chain([shown(band.total)]).collect()
            }
            None => in_total(band.total),
        };
        row(out, &years(&band.code), &cells);
    }
    row(out, "संस्थाएँ · Institutions (CCI, OSC)", &in_total(figures.institutions));
    let _ = write!(out, "</table>\n<p>कुल · Total: <b>{}</b></p>\n", escape(&shown(figures.people_total)));
}

fn open_missing(out: &mut String, figures: &Figures, districts: &BTreeMap<String, String>) {
    out.push_str("<h2>गुमशुदा बच्चे: खुली रिपोर्टें · Missing children: open reports</h2>\n<table><tr><th>ज़िला · District<th>खुली · Open</tr>\n");
    for (district, n) in &figures.open_missing {
        let name = districts.get(district).map_or_else(|| district.clone(), |name| format!("{name} ({district})"));
        row(out, &name, &[shown(*n)]);
    }
    row(out, "कुल · Total", &[shown(figures.open_missing_total)]);
    out.push_str("</table>\n");
}

fn row(out: &mut String, label: &str, cells: &[String]) {
    let _ = write!(out, r#"<tr><th scope="row">{}"#, escape(label));
    for cell in cells {
        let _ = write!(out, "<td>{}", escape(cell));
    }
    out.push_str("</tr>\n");
}

fn shown(count: Count) -> String {
    match count {
        Count::Exact(n) => n.to_string(),
        Count::Small => "<5".to_owned(),
        Count::Hidden => "–".to_owned(),
    }
}

/// `10_13` → `10–13`, `60p` → `60+`.
fn years(band: &str) -> String {
    band.strip_suffix('p').map_or_else(|| band.replace('_', "–"), |from| format!("{from}+"))
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}
