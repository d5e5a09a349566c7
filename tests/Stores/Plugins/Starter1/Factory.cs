using GlanceGateway.Abstractions;
using GlanceGateway.TestPlugins.Library;

namespace GlanceGateway.TestPlugins.Starter1;

/// <summary>Never makes a driver: it starts in the way that its option names, so that tests see what the host makes of it.</summary>
public sealed class Factory : IStorageDriverFactory
{
    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options { get; } =
    [
        new("start", OptionType.Text, "How the start goes: greet, misconfigured, throw, hang or nothing.", Required: true),
        new("password", OptionType.Number, "A secret that is a number.", Secret: true),
    ];

    /// <inheritdoc/>
    public async ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        switch (options.Get<string>("start"))
        {
            case "greet":
                throw new StoreException(StoreError.Misconfigured, $"Greetings of {Greeting.SayVersion1()}.");
            case "misconfigured":
                throw new StoreException(StoreError.Misconfigured, "Option 'start' cannot work; choose another.", innerException: new PrivateException("cause"));
            case "throw":
                throw new PrivateException("a bug of the driver");
            case "hang":
                await Task.Delay(Timeout.InfiniteTimeSpan, CancellationToken.None);
                throw new PrivateException("not reached");
            default:
                return null!;
        }
    }

    private sealed class PrivateException(string message) : Exception(message);
}
