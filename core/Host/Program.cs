using System.Runtime.InteropServices;
using GlanceGateway.Host.Commands;
using GlanceGateway.Host.Configuration;

using var stopping = new CancellationTokenSource();

// The first signal asks for an end in good order; one more than a second later is somebody who will not wait and gets the kernel's answer.
// Sooner it is the same request over again: timeout(1), for one, signals its child and then its child's group, and an end between
// the two would leave a dead mount behind.
var repeat = TimeSpan.FromSeconds(1);
var asked = 0L;
void Stop(PosixSignalContext signal)
{
    var now = TimeProvider.System.GetTimestamp();
    var first = Interlocked.CompareExchange(ref asked, now, 0);
    signal.Cancel = first == 0 || TimeProvider.System.GetElapsedTime(first, now) < repeat;
    stopping.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

var commandLine = new GatewayCommandLine(GatewayEnvironment.OfThisProcess(), CommandTerminal.OfThisProcess(), TimeProvider.System);
return await commandLine.RunAsync(args, stopping.Token);
