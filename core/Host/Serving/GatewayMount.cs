#pragma warning disable CA1822
using GlanceGateway.Host.Configuration;
using GlanceGateway.Images;
namespace GlanceGateway.Host.Serving;
internal sealed class GatewayMount : IAsyncDisposable
{
    public string Directory => "";
    public bool IsPassthrough => false;
    public static Task<GatewayMount?> StartAsync(GatewayConfiguration c, ImageServices i, ILoggerFactory l, CancellationToken t) => Task.FromResult<GatewayMount?>(null);
    public ValueTask DisposeAsync() => default;
}
