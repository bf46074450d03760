//! Words for states, errors, roles and what happened to a record.
//!
//! Knows our own enums; no form, no record. Invariant: an error's words say what to do next. Start at [`error`].

use samanvay_sync::wire::Refusal;
use samanvay_vault::VaultError;

use super::Lang;
use crate::error::{NotAllowed, RecordsError};
use crate::views::Place;

/// What an error means and what to do, for the person at the phone.
pub fn error(error: &RecordsError, lang: Lang) -> String {
    let words = match error {
        RecordsError::Vault(vault) => return vault_error(vault, lang),
        RecordsError::NotAllowed(why) => return not_allowed(*why, lang).to_owned(),
        RecordsError::Answer { message } => return message.clone(),
        RecordsError::NotEnrolled => lang.pick(
            "यह प्रोफ़ाइल अभी किसी इकाई से नहीं जुड़ी है। पहले आमंत्रण स्वीकार करें।",
            "This profile belongs to no unit yet. Accept an invite first.",
        ),
        RecordsError::NotFound(_) => lang.pick("यह नहीं मिला। सूची फिर से खोलें।", "Not found. Open the list again."),
        RecordsError::BadInvite => lang.pick(
            "यह मान्य आमंत्रण नहीं है। भेजने वाले से नया माँगें।",
            "This is not a valid invite. Ask the sender for a new one.",
        ),
        RecordsError::Incomplete { .. } => {
            lang.pick("कुछ उत्तर बाकी हैं या ठीक नहीं हैं।", "Some answers are missing or not right.")
        }
        RecordsError::NoNetwork => lang.pick(
            "हब तक नहीं पहुँच सके। सब कुछ फ़ोन पर सुरक्षित है; नेटवर्क आने पर फिर भेजें।",
            "The hub was not reached. Everything is safe on this phone; try again when there is a network.",
        ),
        RecordsError::WrongHub => lang.pick(
            "जिसने उत्तर दिया वह इस प्रोफ़ाइल का हब नहीं है। कुछ नहीं भेजा गया। प्रभारी को बताएँ।",
            "What answered is not this profile's hub. Nothing was sent. Tell the in-charge.",
        ),
        RecordsError::Refused(refusal) => return refused(refusal, lang).to_owned(),
        RecordsError::Busy => lang.pick("भेजना चल रहा है।", "Sending is already under way."),
        RecordsError::Sync(_) => lang
            .pick("मिला डेटा समझा नहीं जा सका; कुछ नहीं बदला।", "Data received was not understood; nothing was changed."),
        RecordsError::Internal(_) => {
            lang.pick("ऐप की गलती। कुछ नहीं खोया; सहायता को बताएँ।", "A fault in the app. Nothing is lost; tell support.")
        }
    };
    words.to_owned()
}

fn refused(refusal: &Refusal, lang: Lang) -> &'static str {
    match refusal {
        Refusal::UnknownDevice => lang.pick(
            "यह फ़ोन अभी किसी पद से जोड़ा नहीं गया है। आमंत्रण देने वाले को अपना पहचान अंक दिखाएँ।",
            "This phone is not bound to a post yet. Show your fingerprint to the person who invited you.",
        ),
        Refusal::Removed => lang.pick(
            "यह फ़ोन अपने पद से हटा दिया गया है। प्रभारी से मिलें; यहाँ सहेजा काम फ़ोन पर है।",
            "This phone was removed from its post. See the in-charge; what was saved is still on the phone.",
        ),
        Refusal::InviteUsed => lang.pick(
            "यह आमंत्रण किसी और फ़ोन ने इस्तेमाल कर लिया। भेजने वाले को बताएँ।",
            "Another phone has used this invite. Tell the sender.",
        ),
        Refusal::BadInvite => {
            lang.pick("हब इस आमंत्रण को नहीं मानता। नया माँगें।", "The hub does not accept this invite. Ask for a new one.")
        }
        Refusal::Busy => lang.pick("हब व्यस्त है। थोड़ी देर में फिर भेजें।", "The hub is busy. Try again in a while."),
        _ => lang.pick(
            "हब ने अनुरोध नहीं माना। सब कुछ फ़ोन पर सुरक्षित है; ऐप अद्यतन करें।",
            "The hub refused the request. Everything is safe on this phone; update the app.",
        ),
    }
}

fn vault_error(error: &VaultError, lang: Lang) -> String {
    let words = match error {
        VaultError::WrongPin { attempts_left } => {
            return lang.pick(
                format!("गलत पिन। {attempts_left} प्रयास बाकी हैं।"),
                format!("Wrong PIN. {attempts_left} attempts left."),
            );
        }
        VaultError::LockedOut => lang.pick(
            "बहुत बार गलत पिन डाला गया। कुछ नहीं खोया; प्रभारी पिन फिर से चालू कर सकते हैं।",
            "Too many wrong PINs. Nothing is lost; the in-charge can reset the PIN.",
        ),
        VaultError::Locked => lang.pick("पहले पिन डालकर खोलें।", "Unlock with the PIN first."),
        VaultError::WeakPin(_) => lang.pick(
            "दूसरा पिन चुनें: कम से कम 6 अंक, सब एक जैसे या सीधे क्रम में नहीं।",
            "Choose another PIN: at least 6 digits, not all the same and not in a row.",
        ),
        VaultError::NewerSchema { .. } => {
            lang.pick("यह डेटा नए ऐप का है। ऐप अद्यतन करें।", "This data is of a newer app. Update the app.")
        }
        VaultError::AlreadyOpen => {
            lang.pick("यह प्रोफ़ाइल कहीं और खुली है। वहाँ बंद करें।", "This profile is open elsewhere. Close it there.")
        }
        VaultError::NotAProfile => lang.pick("यहाँ कोई प्रोफ़ाइल नहीं है।", "There is no profile here."),
        VaultError::Damaged(_) => lang.pick(
            "फ़ोन पर एक फ़ाइल खराब है। फिर से खोलें; जो हब पर है वह वापस आएगा।",
            "A file on the phone is damaged. Open again; what is on the hub will come back.",
        ),
        error if error.is_disk_full() => lang.pick(
            "फ़ोन में जगह नहीं है। यह उत्तर नहीं सहेजा गया; जगह खाली करके फिर करें।",
            "The phone is full. This was not saved; free some space and do it again.",
        ),
        _ => lang.pick("फ़ोन ने सहेजने से मना किया। फिर कोशिश करें।", "The phone refused to save. Try again."),
    };
    words.to_owned()
}

/// Why a kind may not be started or a record not changed.
pub fn not_allowed(why: NotAllowed, lang: Lang) -> &'static str {
    match why {
        NotAllowed::NoHome => {
            lang.pick("इस पद को यह अभिलेख बनाने की अनुमति नहीं है।", "This post may not keep records of this kind.")
        }
        NotAllowed::NotHome => {
            lang.pick("इसे केवल मूल इकाई के सदस्य बदल सकते हैं।", "Only members of the record's own unit may change it.")
        }
        NotAllowed::Contested => lang.pick(
            "दो इकाइयाँ इसे अपना अभिलेख बताती हैं। इसे न बदलें; पर्यवेक्षक को बताएँ।",
            "Two units claim this record as theirs. Do not change it; tell the supervisor.",
        ),
        NotAllowed::AppOnly => lang.pick("इसे ऐप स्वयं लिखता है।", "The app writes these by itself."),
    }
}

/// Where a record stands.
pub fn place(place: Place, lang: Lang) -> &'static str {
    match place {
        Place::OnPhone => lang.pick("इस फ़ोन पर", "on this phone"),
        Place::OnHub => lang.pick("हब पर", "on the hub"),
        Place::NeedsYou => lang.pick("आपका निर्णय चाहिए", "needs you"),
    }
}

/// What one op did to a record: created it, or changed the fields named.
pub fn happened(creates: bool, labels: &[String], lang: Lang) -> String {
    if creates {
        return lang.pick("बनाया", "created").to_owned();
    }
    let list = labels.join(", ");
    lang.pick(format!("बदला: {list}"), format!("changed: {list}"))
}

/// What a reader should know of a record that did not come as it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Two streams claim to be its home.
    Contested,
    /// Routes came that nobody may give.
    StrayRoutes,
    /// Changes came from outside its home stream, or in another form.
    Aside,
}

/// A doubt about a record in words.
pub(crate) fn doubt(doubt: Doubt, lang: Lang) -> &'static str {
    match doubt {
        Doubt::Contested => not_allowed(NotAllowed::Contested, lang),
        Doubt::StrayRoutes => lang.pick(
            "किसी ने इस अभिलेख को कहीं और भेजने को कहा। वह नहीं माना गया; पर्यवेक्षक को बताएँ।",
            "Somebody asked for this record to be sent elsewhere. That was not followed; tell the supervisor.",
        ),
        Doubt::Aside => lang.pick(
            "कुछ बदलाव मूल इकाई के बाहर से आए। वे यहाँ नहीं दिखते; पर्यवेक्षक को बताएँ।",
            "Some changes came from outside the record's own unit. They are not shown here; tell the supervisor.",
        ),
    }
}

/// An author whose unit's log is not held.
pub fn unknown_author(lang: Lang) -> &'static str {
    lang.pick("अज्ञात पद", "unknown post")
}

/// Labels of coarse fields, which no question brings: who reads only a roll-up needs them.
pub fn field_label(name: &str, lang: Lang) -> Option<&'static str> {
    Some(match name {
        "sex" => lang.pick("लिंग", "Sex"),
        "age_band" => lang.pick("आयु वर्ग", "Age band"),
        "fir_state" => lang.pick("FIR की स्थिति", "FIR state"),
        "reported_hour" => lang.pick("सूचना का समय (घंटे तक)", "Reported (to the hour)"),
        "status_open" => lang.pick("मामला खुला", "Case open"),
        "total" => lang.pick("कुल लोग", "People in all"),
        "held_on" => lang.pick("सत्र की तारीख", "Held on"),
        _ => return None,
    })
}
