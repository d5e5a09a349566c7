using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using GlanceGateway.Images;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>
/// Limits that Keystone keeps (its unified limits): a registered limit for every project, and limits of single projects over it. As in Glance
/// a limit that is not registered is 0, which refuses everything, -1 is none, and sizes are in MiB. Read as a user of the system: a token of a
/// project is shown that project's limits only. What was read is believed for a few seconds, so a new limit holds soon.
/// </summary>
public sealed class KeystoneLimits : ILimitSource, IDisposable
{
    private const int MostProjects = 10_000;

    private static readonly TimeSpan believed = TimeSpan.FromSeconds(10);

    private readonly KeystoneHttp http;
    private readonly KeystoneOptions options;
    private readonly string? region;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly string root;
    private readonly ServiceSession session;
    private readonly ReachState reach;
    private readonly Lock gate = new();
    private readonly BoundedCache<string, ProjectLimits> known = new(MostProjects);
    private string? service;

    /// <summary>Asks nothing yet.</summary>
    /// <param name="options">The identity service; its user needs the role <c>reader</c> on the system.</param>
    /// <param name="region">The region whose limits count, beside those of no region; null for those alone.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where lines go.</param>
    /// <exception cref="ArgumentException">The credential cannot be used on the system.</exception>
    public KeystoneLimits(KeystoneOptions options, string? region, TimeProvider time, ILogger logger)
    {
        (this.options, this.region, this.time, this.logger) = (options, region, time, logger);
        var login = options.Credential.SystemRequest() ?? throw new ArgumentException("Limits are read by a user with a password: an application credential is of a project.", nameof(options));
        http = new KeystoneHttp(options);
        root = KeystoneClient.RootOf(options);
        session = new ServiceSession(http, new Uri($"{root}/auth/tokens?nocatalog"), options, login, time, logger);
        reach = new ReachState(options.AuthUrl, logger);
    }

    /// <inheritdoc/>
    public bool HasLimits => true;

    /// <inheritdoc/>
    public async ValueTask<ProjectLimits> FindAsync(string project, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (known.TryGet(project, time.GetUtcNow(), out var limits))
                return limits;
        }
        try
        {
            var limits = await AskInTimeAsync(project, cancellationToken);
            lock (gate)
                known.Add(project, limits, time.GetUtcNow() + believed, time.GetUtcNow());
            return limits;
        }
        catch (KeystoneFault fault)
        {
            throw new ImageException(ImageError.Unavailable, "The limits of the project cannot be asked for now.", fault);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        session.Dispose();
        http.Dispose();
    }

    private async Task<ProjectLimits> AskInTimeAsync(string project, CancellationToken cancellationToken)
    {
        using var visit = reach.Enter();
        using var limit = new CancellationTokenSource(options.Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var limits = await AskAsync(project, either.Token);
            visit.Succeeded();
            return limits;
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            var fault = new KeystoneFault($"no answer within {options.Timeout.TotalSeconds:0.#} s", isDown: true, e);
            visit.Failed(fault);
            throw fault;
        }
        catch (KeystoneFault fault)
        {
            visit.Failed(fault);
            throw;
        }
    }

    private async Task<ProjectLimits> AskAsync(string project, CancellationToken cancellationToken)
    {
        service ??= (await GetAsync("services?type=image", KeystoneJson.Default.ServiceList, cancellationToken)).Services is [{ Id: { } id }, ..]
            ? id
            : throw new KeystoneFault("it knows no service of the type image", isDown: false);
        var registered = (await GetAsync($"registered_limits?service_id={Uri.EscapeDataString(service)}", KeystoneJson.Default.RegisteredLimitList, cancellationToken)).RegisteredLimits ?? [];
        var own = (await GetAsync(
            $"limits?service_id={Uri.EscapeDataString(service)}&project_id={Uri.EscapeDataString(project)}", KeystoneJson.Default.LimitList, cancellationToken)).Limits ?? [];
        return new ProjectLimits
        {
            StoredBytes = Of(UsageKind.StoredBytes),
            StagedBytes = Of(UsageKind.StagedBytes),
            Images = Of(UsageKind.Images),
            Transfers = Of(UsageKind.Transfers),
        };

        long? Of(UsageKind kind)
        {
            var name = ProjectLimits.NameOf(kind);
            var units = Pick(own.Where(limit => limit.ResourceName == name && limit.ProjectId == project), limit => limit.RegionId)?.ResourceLimit
                ?? Pick(registered.Where(limit => limit.ResourceName == name), limit => limit.RegionId)?.DefaultLimit
                ?? 0;
            var unit = ProjectLimits.UnitOf(kind);
            return units < 0 ? null : units > long.MaxValue / unit ? long.MaxValue : units * unit;
        }
    }

    /// <summary>The limit of the region, else the one of no region.</summary>
    private T? Pick<T>(IEnumerable<T> limits, Func<T, string?> regionOf)
        where T : class
    {
        var all = limits.ToList();
        return (region is null ? null : all.Find(limit => regionOf(limit) == region)) ?? all.Find(limit => regionOf(limit) is null);
    }

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class
    {
        for (var mayRenew = true; ; mayRenew = false)
        {
            var own = await session.GetAsync(cancellationToken);
            using var response = await http.SendAsync(
                () => new HttpRequestMessage(HttpMethod.Get, new Uri($"{root}/{path}")) { Headers = { { "X-Auth-Token", own } } }, cancellationToken);
            switch (response.StatusCode)
            {
                case HttpStatusCode.OK:
                    try
                    {
                        return JsonSerializer.Deserialize(await response.Content.ReadAsByteArrayAsync(cancellationToken), type)
                            ?? throw new KeystoneFault("its answer about limits is empty", isDown: false);
                    }
                    catch (JsonException e)
                    {
                        throw new KeystoneFault("its answer about limits is not the JSON that it should be", isDown: false, e);
                    }
                case HttpStatusCode.Unauthorized when mayRenew:
                    session.Drop(own);
                    continue;
                case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                    Log.LimitsRefused(logger, options.AuthUrl, options.Credential.ToString(), (int)response.StatusCode);
                    throw new KeystoneFault("it does not let the gateway read limits", isDown: false);
                default:
                    throw KeystoneFault.Unexpected(response);
            }
        }
    }
}
