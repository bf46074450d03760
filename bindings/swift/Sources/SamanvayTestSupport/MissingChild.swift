import Samanvay

/// Answers that complete a missing-child report. Nobody in it exists.
public enum MissingChild {
  /// Kind of record.
  public static let kind = "missing_child"
  /// The child.
  public static let name = "गुड़िया बेलवंशी"
  /// What the form says to an age of 18 and above.
  public static let tooOld =
    "यह फ़ॉर्म 18 वर्ष से कम आयु के बच्चों के लिए है। 18 वर्ष या अधिक के लिए वयस्क गुमशुदगी फ़ॉर्म भरें।"
  /// What the form says to a report without a name.
  public static let nameMissing = "बच्चे का नाम लिखें, हिन्दी में या अंग्रेज़ी में।"

  private static let answers = [
    ("name_hi", name),
    ("gender", "F"),
    ("age_years", "१२"),
    ("age_basis", "school"),
    ("can_tell", "yes"),
    ("mother_name", "कमला बेलवंशी"),
    ("home_district", "394"),
    ("home_address", "इमली टोला, बैतूल"),
    ("last_seen_at", "2024-07-09T07:45:00+05:30"),
    ("last_seen_place", "मेले के झूले के पास"),
    ("reported_at", "2024-07-09T10:20:00+05:30"),
    ("reporter_name", "कमला बेलवंशी"),
    ("reporter_relation", "mother"),
    ("marks", "none_known"),
    ("circumstances", "fair_rail"),
    ("risk_flags", "girl"),
    ("fir_not_registered_reason", "being_written"),
    ("dissemination", "dcrb railway"),
  ]

  /// Fills in and finishes a report; gives the record's id.
  public static func report(_ app: App) throws -> String {
    let session = try app.start(kind: kind)
    for (name, text) in answers {
      try session.answer(field: session.reference(name), text: text)
    }
    return try session.finish()
  }
}

/// A question that is not asked now.
public struct NotAsked: Error {
  /// Its name.
  public let name: String
}

extension FormSession {
  /// The question with this name.
  public func question(_ name: String) throws -> Question {
    let found = try questions().first { $0.name == name && !$0.field.contains("/") }
    guard let found else { throw NotAsked(name: name) }
    return found
  }

  /// Its reference.
  public func reference(_ name: String) throws -> String { try question(name).field }
}
