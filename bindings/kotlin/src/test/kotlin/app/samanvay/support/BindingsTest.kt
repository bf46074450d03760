package app.samanvay.support

import app.samanvay.App
import app.samanvay.KeyStore
import app.samanvay.LogSink
import app.samanvay.liveObjects
import app.samanvay.records.Lang
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import org.junit.rules.Timeout
import kotlin.test.assertEquals

/** A PIN as a person in Betul may type it. */
val PIN = "४८२९५७".toByteArray()

/** What all tests share: a folder, a deadline, and the proof that nothing was left open. */
abstract class BindingsTest {
    @get:Rule
    val folder = TemporaryFolder()

    @get:Rule
    val deadline: Timeout = Timeout.seconds(120)

    @After
    fun nothingIsLeftOpen() = assertEquals(0u, liveObjects())

    /** The app on this test's folder. */
    fun open(
        keyStore: KeyStore = JavaxKeyStore(),
        log: LogSink? = null,
    ): App = App.open(folder.root.path, keyStore, Lang.HI, log)

    /** Runs a test on the phone of a station's beat officer: an unlocked profile, bound to its post. */
    fun atStation(test: suspend CoroutineScope.(App, HubFixture) -> Unit) {
        HubFixture().use { hub ->
            open().use { app ->
                runBlocking {
                    join(app, hub)
                    test(app, hub)
                }
            }
        }
    }

    /** Makes a profile on the app and lets the hub's station bind it to its post. */
    suspend fun join(
        app: App,
        hub: HubFixture,
    ) {
        app.createProfile("प्रोफ़ाइल", PIN)
        app.enrol(hub.invite())
        hub.approve()
        app.sync().use { it.run() }
    }
}
