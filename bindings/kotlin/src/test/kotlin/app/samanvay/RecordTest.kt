package app.samanvay

import app.samanvay.records.Changed
import app.samanvay.records.Lang
import app.samanvay.records.Place
import app.samanvay.support.BindingsTest
import app.samanvay.support.MissingChild
import app.samanvay.support.PIN
import app.samanvay.support.reference
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.Test
import java.util.concurrent.LinkedBlockingQueue
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertTrue

class RecordTest : BindingsTest() {
    private class Recorder : Observer {
        val heard = LinkedBlockingQueue<Changed>()

        override fun changed(kind: Changed) = heard.put(kind)

        fun awaitChange(kind: Changed) {
            var next = heard.take()
            while (next != kind) next = heard.take()
        }
    }

    @Test
    fun `a wrong answer is refused in the form's own Hindi words and a right one is taken`() =
        atStation { app, _ ->
            app.start(MissingChild.KIND).use { session ->
                val age = reference(session, "age_years")
                val error = assertFailsWith<AppException.AnswerRefused> { session.answer(age, "१९") }
                assertEquals(MissingChild.TOO_OLD, error.words)
                session.answer(age, "१२")
                assertTrue(session.jump(age))
                val question = session.page().questions.single()
                assertEquals("आयु (पूरे वर्ष)", question.label)
                assertEquals("12", question.value)
                session.setLanguage(Lang.EN)
                assertEquals(
                    "Age (completed years)",
                    session
                        .page()
                        .questions
                        .single()
                        .label,
                )
                assertFailsWith<AppException.NotFound> { session.answer("99999", "1") }
            }
        }

    @Test
    fun `a form that is closed goes on as a draft and says what is missing`() =
        atStation { app, _ ->
            app.start(MissingChild.KIND).use { it.answer(reference(it, "age_years"), "१२") }
            val draft = app.drafts().single().draft
            app.resume(draft).use { session ->
                assertEquals("12", session.questions().single { it.name == "age_years" }.value)
                assertFailsWith<AppException.AnswerRefused> { session.finish() }
                assertTrue(session.validate().any { it.message == MissingChild.NAME_MISSING })
            }
            app.discard(draft)
            assertFailsWith<AppException.NotFound> { app.resume(draft) }
        }

    @Test
    fun `a form shows nothing while its profile is locked`() =
        atStation { app, _ ->
            app.start(MissingChild.KIND).use { session ->
                app.lock()
                assertFailsWith<AppException.Locked> { session.page() }
            }
        }

    @Test
    fun `a finished report reaches the hub and another phone of the post`() =
        atStation { app, hub ->
            val recorder = Recorder()
            val subscription = app.subscribe(recorder)
            val record = app.report()
            recorder.awaitChange(Changed.RECORDS)
            assertEquals(Place.ON_PHONE, app.rows().single().place)
            assertEquals(1uL, app.status().unsentOps)

            app.sync().use { run ->
                val end = assertIs<SyncEnd.Done>(run.run())
                assertEquals(1uL, end.report.sentOps)
                assertEquals(emptyList(), end.report.refused)
                assertEquals(end.report.bytesUp, run.progress().bytesUp)
            }
            recorder.awaitChange(Changed.SYNC)
            assertEquals(0uL, app.status().unsentOps)
            assertEquals(Place.ON_HUB, app.rows().single().place)

            subscription.cancel()
            recorder.heard.clear()
            app.lock()
            assertEquals(emptyList(), recorder.heard.toList())
            subscription.close()

            join(app, hub)
            val row = app.rows().single()
            assertEquals(record, row.record)
            val name = app.show(record).fields.single { it.name == "name_hi" }
            assertEquals(MissingChild.NAME, name.value)
        }

    @Test
    fun `a sync before an invite is a typed error and so is a false invite`() {
        open().use { app ->
            app.createProfile("प्रोफ़ाइल", PIN)
            runBlocking {
                val early = app.sync().use { run -> assertFailsWith<AppException.Refused> { run.run() } }
                assertEquals(Reason.NOT_ENROLLED, early.reason)
                val bad = assertFailsWith<AppException.Refused> { app.enrol("यह निमंत्रण नहीं है") }
                assertEquals(Reason.BAD_INVITE, bad.reason)
            }
        }
    }

    @Test
    fun `a sync without network is a typed error and the record waits`() =
        atStation { app, hub ->
            app.report()
            hub.takeNetworkDown()
            app.sync().use { run -> assertFailsWith<AppException.NoNetwork> { run.run() } }
            val status = app.status()
            assertEquals(1uL, status.unsentOps)
            assertNotNull(status.problem)
        }

    @Test
    fun `a locked phone sends what waits and shows nothing`() =
        atStation { app, _ ->
            app.report()
            app.lock()
            assertEquals(1uL, app.sendWhileLocked().sentSegments)
            assertFailsWith<AppException.Locked> { app.rows() }
        }

    @Test
    fun `a sync that the hub never answers ends when it is cancelled`() =
        atStation { app, hub ->
            hub.fallSilent()
            app.sync().use { run ->
                val end = async(Dispatchers.IO) { run.run() }
                hub.awaitHeldDevice()
                val second = app.sync().use { other -> assertFailsWith<AppException.Refused> { other.run() } }
                assertEquals(Reason.BUSY, second.reason)
                run.cancel()
                assertEquals(SyncEnd.Cancelled, end.await())
            }
            assertFalse(app.status().running)
        }

    @Test
    fun `a sync that is cancelled before it runs does not run`() =
        atStation { app, _ ->
            app.sync().use { run ->
                run.cancel()
                assertEquals(SyncEnd.Cancelled, run.run())
                assertEquals(0u, run.progress().rounds)
            }
        }

    @Test
    fun `a sync that the hub never answers ends with its coroutine`() =
        atStation { app, hub ->
            hub.fallSilent()
            app.sync().use { run ->
                val job = launch(Dispatchers.IO) { run.run() }
                hub.awaitHeldDevice()
                job.cancelAndJoin()
            }
        }

    private fun App.report(): String =
        start(MissingChild.KIND).use { session ->
            MissingChild.fill(session)
            session.finish()
        }

    private fun App.rows() = list(MissingChild.KIND).use { it.rows(0u, 20u) }
}
