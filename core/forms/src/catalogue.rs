//! Our own words to the person at the phone, in Hindi and English: what forms themselves leave unsaid.
//!
//! Knows: fixed sentences. Refuses to know: answers; no sentence repeats one. Invariant: every message has both
//! languages. Start at [`Message`].

use crate::value::Kind;

/// The languages of our own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lang {
    Hindi,
    English,
}

impl Lang {
    /// Hindi for a Hindi form language and when none is known; English for any other.
    pub(crate) fn of(language: &str) -> Self {
        let hindi = ["(hi)", "hi", "हिन्दी", "हिंदी", "Hindi", ""];
        let is_hindi = hindi.contains(&language) || language.ends_with("(hi)");
        if is_hindi { Self::Hindi } else { Self::English }
    }

    pub(crate) fn months(self) -> &'static [&'static str; 12] {
        match self {
            Self::Hindi => &["जन", "फ़र", "मार्च", "अप्रैल", "मई", "जून", "जुल", "अग", "सित", "अक्टू", "नव", "दिस"],
            Self::English => &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
        }
    }

    pub(crate) fn days(self) -> &'static [&'static str; 7] {
        match self {
            Self::Hindi => &["रवि", "सोम", "मंगल", "बुध", "गुरु", "शुक्र", "शनि"],
            Self::English => &["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
        }
    }
}

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// A required answer is missing.
    Required,
    /// The form's rule refuses the value and gives no words.
    Refused,
    /// The text is not a value of this kind.
    NotA(Kind),
    /// The answer is too long.
    TooLong,
    /// An expression of the form took too long.
    TooMuchWork,
}

impl Message {
    pub(crate) fn text(self, lang: Lang) -> &'static str {
        let (hindi, english) = self.both();
        match lang {
            Lang::Hindi => hindi,
            Lang::English => english,
        }
    }

    fn both(self) -> (&'static str, &'static str) {
        match self {
            Self::Required => ("यह जवाब ज़रूरी है।", "This answer is required."),
            Self::Refused => {
                ("यह जवाब नियम के अनुसार नहीं है। कृपया जाँच लें।", "This answer breaks the form's rule. Please check it.")
            }
            Self::TooLong => ("जवाब बहुत लंबा है। कृपया छोटा करें।", "The answer is too long. Please shorten it."),
            Self::TooMuchWork => (
                "फ़ॉर्म का एक नियम जाँचा नहीं जा सका। कृपया फ़ॉर्म भेजने वाले को बताएँ।",
                "A rule of this form could not be checked. Please tell whoever sent the form.",
            ),
            Self::NotA(kind) => not_a(kind),
        }
    }
}

fn not_a(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Int => ("केवल पूर्ण संख्या लिखें, जैसे 12।", "Write a whole number, such as 12."),
        Kind::Decimal => ("केवल संख्या लिखें, जैसे 12.5।", "Write a number, such as 12.5."),
        Kind::Choice => ("सूची में से एक चुनें।", "Choose one from the list."),
        Kind::Choices => ("सूची में से चुनें।", "Choose from the list."),
        Kind::Date => {
            ("तारीख दिन-माह-वर्ष में लिखें, जैसे 21-11-2026।", "Write the date as day-month-year, such as 21-11-2026.")
        }
        Kind::Time => ("समय घंटे:मिनट में लिखें, जैसे 14:30।", "Write the time as hours:minutes, such as 14:30."),
        Kind::DateTime => {
            ("तारीख और समय लिखें, जैसे 21-11-2026 14:30।", "Write the date and time, such as 21-11-2026 14:30.")
        }
        Kind::Text | Kind::Note | Kind::Repeat => {
            ("यहाँ ऐसा जवाब नहीं दिया जा सकता।", "This cannot be answered like that.")
        }
    }
}
