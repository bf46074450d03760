import Foundation
import Samanvay
import SamanvayTestSupport
import Testing

extension Bindings {
  @Suite struct RecordTests {
    @Test("a wrong answer is refused in the form's own Hindi words and a right one is taken")
    func answers() async throws {
      try await atStation { app, _ in
        let session = try app.start(kind: MissingChild.kind)
        let age = try session.reference("age_years")
        let refusal = try await failure { try session.answer(field: age, text: "१९") }
        #expect(refusal == .AnswerRefused(words: MissingChild.tooOld))
        try session.answer(field: age, text: "१२")
        #expect(try session.jump(field: age))
        let question = try #require(try session.page().questions.first)
        #expect(question.label == "आयु (पूरे वर्ष)")
        #expect(question.value == "12")
        try session.setLanguage(language: .en)
        #expect(try session.question("age_years").label == "Age (completed years)")
      }
    }

    @Test("a form that is closed goes on as a draft and says what is missing")
    func drafts() async throws {
      try await atStation { app, _ in
        try startDraft(app)
        let draft = try #require(try app.drafts().first).draft
        let session = try app.resume(draft: draft)
        #expect(try session.question("age_years").value == "12")
        guard case .AnswerRefused = try await failure(of: { try session.finish() }) else {
          Issue.record("an empty report was taken")
          return
        }
        #expect(try session.validate().contains { $0.message == MissingChild.nameMissing })
        app.lock()
        guard case .Locked = try await failure(of: { try session.page() }) else {
          Issue.record("a locked form is shown")
          return
        }
      }
    }

    @Test("a finished report reaches the hub and another phone of the post")
    func reachesHub() async throws {
      try await atStation { app, hub in
        let recorder = Recorder()
        let subscription = try app.subscribe(observer: recorder)
        let record = try MissingChild.report(app)
        #expect(await recorder.heard(.records))
        #expect(try rows(app).map(\.place) == [.onPhone])
        #expect(try app.status().unsentOps == 1)

        let run = try app.sync()
        guard case .done(let report) = try await run.run() else {
          Issue.record("cancelled by nobody")
          return
        }
        #expect(report.sentOps == 1)
        #expect(report.refused.isEmpty)
        #expect(run.progress().bytesUp == report.bytesUp)
        #expect(await recorder.heard(.sync))
        #expect(try rows(app).map(\.place) == [.onHub])
        subscription.cancel()
        let told = recorder.count
        app.lock()
        #expect(recorder.count == told)

        try await join(app, hub)
        #expect(try rows(app).map(\.record) == [record])
        let name = try app.show(record: record).fields.first { $0.name == "name_hi" }
        #expect(name?.value == MissingChild.name)
      }
    }

    @Test("a sync before an invite is a typed error and so is a false invite")
    func notEnrolled() async throws {
      try await inFolder { folder in
        let app = try open(folder)
        _ = try app.createProfile(label: "प्रोफ़ाइल", pin: Bindings.pin)
        #expect(reason(of: try await failure { try await app.sync().run() }) == .notEnrolled)
        #expect(reason(of: try await failure { try await app.enrol(code: "यह निमंत्रण नहीं है") }) == .badInvite)
      }
    }

    @Test("a sync without network is a typed error and the record waits")
    func noNetwork() async throws {
      try await atStation { app, hub in
        _ = try MissingChild.report(app)
        try await hub.takeNetworkDown()
        guard case .NoNetwork = try await failure(of: { try await app.sync().run() }) else {
          Issue.record("not a network error")
          return
        }
        let status = try app.status()
        #expect(status.unsentOps == 1)
        #expect(status.problem != nil)
      }
    }

    @Test("a sync that the hub never answers ends when it is cancelled")
    func cancel() async throws {
      try await atStation { app, hub in
        try await hub.fallSilent()
        let run = try app.sync()
        async let end = run.run()
        try await hub.awaitHeldDevice()
        #expect(reason(of: try await failure { try await app.sync().run() }) == .busy)
        run.cancel()
        #expect(try await end == .cancelled)
        #expect(try !app.status().running)
      }
    }

    private func startDraft(_ app: App) throws {
      let session = try app.start(kind: MissingChild.kind)
      try session.answer(field: session.reference("age_years"), text: "१२")
    }

    private func rows(_ app: App) throws -> [RecordRow] {
      try app.list(kind: MissingChild.kind).rows(offset: 0, limit: 20)
    }
  }
}

/// Counts what it is told and hands it on in order.
private final class Recorder: Observer, @unchecked Sendable {
  private let changes: AsyncStream<Changed>
  private let told: AsyncStream<Changed>.Continuation
  private let lock = NSLock()
  private var calls = 0

  init() { (changes, told) = AsyncStream.makeStream() }

  var count: Int { lock.withLock { calls } }

  func changed(kind: Changed) {
    lock.withLock { calls += 1 }
    told.yield(kind)
  }

  /// True once this has been told; what came before it is taken off.
  func heard(_ kind: Changed) async -> Bool { await changes.first { $0 == kind } != nil }
}
