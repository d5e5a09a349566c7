using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>
/// Whether Keystone can be reached. After three failures without an answer between them one question at a time goes through, and the others fail
/// at once: callers of a dead Keystone do not pile up, each for the length of a time-out. The first answer opens it again.
/// </summary>
internal sealed class ReachState(Uri url, ILogger logger)
{
    private const int FailuresOfDead = 3;

    private readonly Lock gate = new();
    private int failures;
    private bool isTrying;

    /// <summary>Begins a question; dispose it at its end.</summary>
    /// <exception cref="KeystoneFault">Keystone is down, and another question finds out whether it still is.</exception>
    public Visit Enter()
    {
        lock (gate)
        {
            if (failures < FailuresOfDead)
                return new Visit(this, isTry: false);
            if (isTrying)
                throw new KeystoneFault("it has not answered for some time", isDown: true);
            isTrying = true;
            return new Visit(this, isTry: true);
        }
    }

    private void TellFails(KeystoneFault fault) => Log.KeystoneFails(logger, url, fault.Message);

    private void TellAnswers() => Log.KeystoneAnswers(logger, url);

    internal sealed class Visit(ReachState state, bool isTry) : IDisposable
    {
        public void Succeeded()
        {
            lock (state.gate)
            {
                if (state.failures > 0)
                    state.TellAnswers();
                state.failures = 0;
            }
        }

        public void Failed(KeystoneFault fault)
        {
            if (!fault.IsDown)
                return;
            lock (state.gate)
            {
                if (state.failures == 0)
                    state.TellFails(fault);
                state.failures++;
            }
        }

        public void Dispose()
        {
            if (!isTry)
                return;
            lock (state.gate)
                state.isTrying = false;
        }
    }
}
