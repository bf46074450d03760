package app.samanvay.support

import app.samanvay.FormSession

/** Answers that complete a missing-child report. Nobody in it exists. */
object MissingChild {
    const val KIND = "missing_child"
    const val NAME = "गुड़िया बेलवंशी"

    /** What the form says to an age of 18 and above, and to a report without a name. */
    const val TOO_OLD =
        "यह फ़ॉर्म 18 वर्ष से कम आयु के बच्चों के लिए है। 18 वर्ष या अधिक के लिए वयस्क गुमशुदगी फ़ॉर्म भरें।"
    const val NAME_MISSING = "बच्चे का नाम लिखें, हिन्दी में या अंग्रेज़ी में।"

    private val answers =
        listOf(
            "name_hi" to NAME,
            "gender" to "F",
            "age_years" to "१२",
            "age_basis" to "school",
            "can_tell" to "yes",
            "mother_name" to "कमला बेलवंशी",
            "home_district" to "394",
            "home_address" to "इमली टोला, बैतूल",
            "last_seen_at" to "2024-07-09T07:45:00+05:30",
            "last_seen_place" to "मेले के झूले के पास",
            "reported_at" to "2024-07-09T10:20:00+05:30",
            "reporter_name" to "कमला बेलवंशी",
            "reporter_relation" to "mother",
            "marks" to "none_known",
            "circumstances" to "fair_rail",
            "risk_flags" to "girl",
            "fir_not_registered_reason" to "being_written",
            "dissemination" to "dcrb railway",
        )

    /** Gives every answer. */
    fun fill(session: FormSession) = answers.forEach { (name, text) -> session.answer(reference(session, name), text) }
}

/** The reference of the question with this name. */
fun reference(
    session: FormSession,
    name: String,
): String = session.questions().single { it.name == name && '/' !in it.field }.field
