//! The help in Hindi: the same commands, said in the language of most users.
//!
//! Knows the descriptions by command path; [`crate::args`] has the structure and the English. Invariant: every command has
//! an entry here (a test walks them all).

use clap::Command;

const ABOUT: &[(&str, &str)] = &[
    ("", "समन्वय: महिलाओं और बच्चों की रक्षा करने वालों के अभिलेख, मुहरबंद, बिना नेटवर्क भी"),
    ("profile", "प्रोफ़ाइल बनाएँ, देखें, खोलें"),
    ("profile new", "नई प्रोफ़ाइल बनाएँ"),
    ("profile list", "प्रोफ़ाइलों की सूची"),
    ("profile unlock", "पिन जाँचें और प्रोफ़ाइल का हाल बताएँ"),
    ("profile change-pin", "पिन बदलें"),
    ("enrol", "निमंत्रण स्वीकार करें"),
    ("forms", "फ़ॉर्म, और आपका पद कौन-सा शुरू कर सकता है"),
    ("new", "उत्तरों की फ़ाइल से नया अभिलेख भरें"),
    ("drafts", "अधूरे फ़ॉर्म"),
    ("list", "अभिलेखों की सूची"),
    ("show", "एक अभिलेख दिखाएँ"),
    ("edit", "उत्तरों की फ़ाइल से अभिलेख बदलें"),
    ("conflicts", "जो बातें दो लोगों ने एक साथ बदलीं, और उनका निपटारा"),
    ("sync", "भेजें और मँगाएँ"),
    ("status", "क्या भेजना बाकी है, पिछली बार कब भेजा"),
    ("export", "अभिलेख को JSON में छापें"),
    ("admin", "बिना नेटवर्क का पक्ष: प्राधिकरण, इकाई, पद, धारा, निमंत्रण"),
    ("admin authority", "राज्य प्राधिकरण की कुंजी फ़ाइल"),
    ("admin authority new", "प्राधिकरण की कुंजी फ़ाइल बनाएँ"),
    ("admin authority show", "प्राधिकरण की सार्वजनिक कुंजियाँ छापें"),
    ("admin authority certify", "ज़िले के प्रबंधक को प्रमाणित करें"),
    ("admin key", "ज़िला प्रबंधक की कुंजी फ़ाइल"),
    ("admin key new", "प्रबंधक की कुंजी फ़ाइल बनाएँ"),
    ("admin key card", "प्राधिकरण का दिया प्रमाण-पत्र लें"),
    ("admin unit", "इकाई बनाएँ या इकाइयाँ देखें"),
    ("admin post", "इकाई में पद बनाएँ"),
    ("admin stream", "धारा बनाएँ या धाराएँ देखें"),
    ("admin member", "पद के अधिकार, उपकरण जोड़ना और हटाना"),
    ("admin member set", "धारा में पद के अधिकार तय करें"),
    ("admin member pending", "निमंत्रण स्वीकार कर चुके, प्रतीक्षा में उपकरण"),
    ("admin member approve", "उँगली-छाप अंक मिलाने के बाद उपकरण जोड़ें"),
    ("admin member remove", "उपकरण को हर जगह से हटाएँ"),
    ("admin invite", "पद के लिए निमंत्रण बनाएँ"),
    ("admin publish", "केंद्र को वह भेजें जो उसके पास नहीं"),
];

const AFTER: &str = "निकास कोड: 0 हो गया · 1 भीतरी गड़बड़ी · 2 ग़लत आदेश · 3 पिन या कूटवाक्य अस्वीकार, या बंद · 4 उत्तर अस्वीकार \
(फ़ॉर्म के शब्द छपते हैं) · 5 नेटवर्क नहीं · 6 केंद्र या प्रबंधक के नियम ने मना किया · 7 फ़ाइल ख़राब, या नए संस्करण की · 8 ऐसा अभिलेख, \
प्रोफ़ाइल या नाम नहीं";

/// The command with Hindi descriptions.
pub(crate) fn translate(command: Command) -> Command {
    describe(command.after_help(AFTER), "")
}

fn describe(mut command: Command, path: &str) -> Command {
    if let Some((_, about)) = ABOUT.iter().find(|(known, _)| *known == path) {
        command = command.about(*about);
    }
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let below = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command = command.mut_subcommand(name, |sub| describe(sub, &below));
    }
    command
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    fn paths(command: &Command, path: &str, into: &mut BTreeSet<String>) {
        into.insert(path.to_owned());
        for sub in command.get_subcommands() {
            paths(sub, format!("{path} {}", sub.get_name()).trim(), into);
        }
    }

    #[test]
    fn every_command_has_a_hindi_description_and_none_is_left_over() {
        let mut all = BTreeSet::new();
        paths(&Cli::command(), "", &mut all);
        let known: BTreeSet<String> = ABOUT.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(all, known);
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        translate(Cli::command()).debug_assert();
    }
}
