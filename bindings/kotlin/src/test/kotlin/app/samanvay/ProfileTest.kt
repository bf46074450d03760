package app.samanvay

import app.samanvay.support.BindingsTest
import app.samanvay.support.JavaxKeyStore
import app.samanvay.support.PIN
import org.junit.Test
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class ProfileTest : BindingsTest() {
    private val wrong = "७३९१६४".toByteArray()

    @Test
    fun `a profile opens again with the platform's key store`() {
        val keyStore = JavaxKeyStore()
        val id = open(keyStore).use { it.createProfile("प्रोफ़ाइल 1", PIN).id }
        open(keyStore).use { app ->
            assertEquals(listOf("प्रोफ़ाइल 1"), app.profiles().map { it.label })
            assertFalse(app.isUnlocked())
            val report = app.unlock(id, "482957".toByteArray())
            assertTrue(app.isUnlocked())
            assertFalse(report.rebuilt)
        }
    }

    @Test
    fun `a profile does not open with another key store`() {
        val id = open().use { it.createProfile("प्रोफ़ाइल 1", PIN).id }
        open(JavaxKeyStore()).use { app -> assertFailsWith<AppException> { app.unlock(id, PIN) } }
    }

    @Test
    fun `a wrong PIN is a typed error with the attempts that are left and words in Hindi`() {
        open().use { app ->
            val id = app.createProfile("प्रोफ़ाइल 1", PIN).id
            app.lock()
            val first = assertFailsWith<AppException.WrongPin> { app.unlock(id, wrong) }
            val second = assertFailsWith<AppException.WrongPin> { app.unlock(id, wrong) }
            assertEquals(first.attemptsLeft - 1u, second.attemptsLeft)
            assertEquals(second.attemptsLeft, app.attemptsLeft(id))
            assertEquals(second.words, second.words())
            assertTrue(second.words.any { it in '\u0900'..'\u097f' })
            app.unlock(id, PIN)
        }
    }

    @Test
    fun `a changed PIN opens and the old one does not`() {
        open().use { app ->
            val id = app.createProfile("प्रोफ़ाइल 1", PIN).id
            app.changePin(PIN, wrong)
            app.lock()
            assertFailsWith<AppException.WrongPin> { app.unlock(id, PIN) }
            app.unlock(id, wrong)
        }
    }

    @Test
    fun `a weak PIN is refused with its reason`() {
        open().use { app ->
            for (pin in listOf("111111", "abcdef", "१२३४५६")) {
                val error =
                    assertFailsWith<AppException.Refused> { app.createProfile("प्रोफ़ाइल 1", pin.toByteArray()) }
                assertEquals(Reason.WEAK_PIN, error.reason)
            }
            val bytes = byteArrayOf(-1, -2, -3, -4, -5, -6)
            val error = assertFailsWith<AppException.Refused> { app.createProfile("प्रोफ़ाइल 1", bytes) }
            assertEquals(Reason.WEAK_PIN, error.reason)
        }
    }

    @Test
    fun `a locked app shows nothing and says so`() {
        open().use { app ->
            assertFailsWith<AppException.Locked> { app.drafts() }
            app.createProfile("प्रोफ़ाइल 1", PIN)
            assertTrue(app.kinds().isNotEmpty())
            app.lock()
            assertFailsWith<AppException.Locked> { app.kinds() }
            assertFailsWith<AppException.NotFound> { app.unlock("0000000000000000", PIN) }
        }
    }

    @Test
    fun `what a key store throws becomes a typed error`() {
        val keyStore = JavaxKeyStore()
        val throwing = { thrown: Exception ->
            object : KeyStore by keyStore {
                override fun derive(
                    slot: String,
                    input: ByteArray,
                ): ByteArray = throw thrown
            }
        }
        val refused = { store: KeyStore ->
            open(store).use { app -> assertFailsWith<AppException> { app.createProfile("प्रोफ़ाइल 1", PIN) } }
        }
        val unforeseen = refused(throwing(IllegalStateException("keystore service died")))
        assertEquals(Reason.KEY_STORE, (unforeseen as AppException.Refused).reason)
        val declined = refused(throwing(KeyStoreFault.Declined()))
        assertEquals(Reason.DECLINED, (declined as AppException.Refused).reason)
        assertTrue(refused(throwing(KeyStoreFault.KeyChanged())) is AppException.Damaged)
        val short =
            object : KeyStore by keyStore {
                override fun derive(
                    slot: String,
                    input: ByteArray,
                ) = ByteArray(31)
            }
        assertEquals(Reason.KEY_STORE, (refused(short) as AppException.Refused).reason)
    }

    @Test
    fun `a key store that cannot say what it is keeps the app from opening`() {
        val mute =
            object : KeyStore by JavaxKeyStore() {
                override fun properties(): KeyStoreProperties = throw IllegalStateException("not ready")
            }
        assertFailsWith<AppException.Refused> { open(mute) }
    }

    @Test
    fun `an observer that throws disturbs nobody and is noted in the log`() {
        val lines = ConcurrentLinkedQueue<String>()
        val sink =
            object : LogSink {
                override fun log(line: String) {
                    lines.add(line)
                }
            }
        val observer =
            object : Observer {
                override fun changed(kind: app.samanvay.records.Changed): Unit = throw IllegalStateException("गुड़िया")
            }
        open(log = sink).use { app ->
            app.createProfile("प्रोफ़ाइल 1", PIN)
            app.subscribe(observer).use { app.lock() }
        }
        assertEquals(listOf("observer failed"), lines.distinct())
    }
}
