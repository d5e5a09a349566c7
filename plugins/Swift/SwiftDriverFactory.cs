using System.Net;
using System.Text.Json;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Swift;

/// <summary>Opens a container as a store, and finds out at the start what would else fail at the end of the first upload.</summary>
public sealed class SwiftDriverFactory : IStorageDriverFactory
{
    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options => SwiftSettings.Options;

    /// <inheritdoc/>
    public async ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        var settings = SwiftSettings.Read(options);
        var connection = new SwiftConnection(settings, context.Time);
        try
        {
            var tenants = settings.IsMultiTenant ? SwiftTenants.Of(settings, connection, await connection.LogInAsync(cancellationToken)) : null;
            await FindContainerAsync(connection, settings, cancellationToken);
            if (tenants is not null)
                await CheckRoleAsync(tenants, cancellationToken);
            var hasConditionalPut = await ProbeAsync(connection, settings, cancellationToken);
            if (!hasConditionalPut)
            {
                context.Log(
                    StoreLogLevel.Warning,
                    $"{settings.AuthUrl.Authority} ignores If-None-Match: two uploads of one image that end in the same moment may replace each other.");
            }

            using var info = await connection.ReadInfoAsync(cancellationToken);
            var mostSegments = Math.Clamp(Number(info, "slo", "max_manifest_segments") ?? 1000, 10, 10_000);
            var largest = Math.Max(Number(info, "swift", "max_file_size") ?? 5L << 30, 1);
            return new SwiftDriver(settings, connection, tenants, context, (int)mostSegments, largest, hasConditionalPut);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static async Task FindContainerAsync(SwiftConnection connection, SwiftSettings settings, CancellationToken cancellationToken)
    {
        var path = $"/{Uri.EscapeDataString(settings.Container)}";
        using var found = await connection.SendAsync(HttpMethod.Head, path, null, cancellationToken);
        if (found.IsSuccessStatusCode)
            return;
        if (found.StatusCode != HttpStatusCode.NotFound)
            throw connection.FaultOf(found, $"container '{settings.Container}' cannot be used");
        if (!settings.CreateContainer)
            throw Misconfigured($"container '{settings.Container}' does not exist; make it or set create_container.");
        using var made = await connection.SendAsync(HttpMethod.Put, path, request => request.Content = new ByteArrayContent([]), cancellationToken);
        if (!made.IsSuccessStatusCode)
            throw connection.FaultOf(made, $"container '{settings.Container}' does not exist and cannot be made");
    }

    // A project that is not there has no container to delete: with the role that is 404, and nothing was made; without it, 403.
    private static async Task CheckRoleAsync(SwiftTenants tenants, CancellationToken cancellationToken)
    {
        var place = tenants.PlaceOf(Guid.NewGuid().ToString("N"), Guid.NewGuid().ToString("D"));
        using var answer = await place.Connection.SendAsync(HttpMethod.Delete, $"/{Uri.EscapeDataString(place.Container)}", null, cancellationToken);
        if (answer.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized)
            throw Misconfigured($"username may not use the accounts of other projects ({(int)answer.StatusCode}): {SwiftTenants.RoleNeeded}.");
        if (answer.StatusCode != HttpStatusCode.NotFound && !answer.IsSuccessStatusCode)
            throw place.Connection.FaultOf(answer, "accounts of other projects cannot be used");
    }

    // Whether we may write and delete, and whether a condition is kept: the second of two conditional writes must fail.
    private static async Task<bool> ProbeAsync(SwiftConnection connection, SwiftSettings settings, CancellationToken cancellationToken)
    {
        var path = SwiftConnection.PathOf(settings.Container, $"{SwiftNames.MarkerPrefix}probe-{Guid.NewGuid():N}");
        using var first = await connection.SendAsync(HttpMethod.Put, path, Prepare, cancellationToken);
        if (!first.IsSuccessStatusCode)
            throw connection.FaultOf(first, $"container '{settings.Container}' is not writable for username");
        using var second = await connection.SendAsync(HttpMethod.Put, path, Prepare, cancellationToken);
        using var deleted = await connection.SendAsync(HttpMethod.Delete, path, null, cancellationToken);
        if (!deleted.IsSuccessStatusCode && deleted.StatusCode != HttpStatusCode.NotFound)
            throw connection.FaultOf(deleted, $"objects of container '{settings.Container}' may not be deleted by username");
        return second.StatusCode == HttpStatusCode.PreconditionFailed;

        static void Prepare(HttpRequestMessage request)
        {
            request.Content = new ByteArrayContent([]);
            request.Headers.TryAddWithoutValidation("If-None-Match", "*");
        }
    }

    private static long? Number(JsonDocument? info, string section, string name) =>
        info?.RootElement.ValueKind == JsonValueKind.Object
        && info.RootElement.TryGetProperty(section, out var found)
        && found.TryGetProperty(name, out var value)
        && value.TryGetInt64(out var number)
            ? number
            : null;

    private static StoreException Misconfigured(string message) => new(StoreError.Misconfigured, message);
}
