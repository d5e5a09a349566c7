using System.Runtime.InteropServices;
using GlanceGateway.Host.Commands;
using GlanceGateway.Host.Configuration;

using var stopping = new CancellationTokenSource();

// The first signal asks for an end in good order; the second one gets the kernel's answer.
void Stop(PosixSignalContext signal)
{
    signal.Cancel = !stopping.IsCancellationRequested;
    stopping.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

var commandLine = new GatewayCommandLine(GatewayEnvironment.OfThisProcess(), CommandTerminal.OfThisProcess(), TimeProvider.System);
return await commandLine.RunAsync(args, stopping.Token);
