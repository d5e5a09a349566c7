using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using GlanceGateway.Host.Mounting;
using GlanceGateway.Stores;

namespace GlanceGateway.Host.Commands;

/// <summary>What <c>version</c> says.</summary>
internal sealed record VersionResult(string Version, string DriverContract, string Runtime);

/// <summary>What <c>config check</c> says.</summary>
internal sealed record ConfigurationResult(
    bool Valid,
    string? File,
    IReadOnlyList<ProblemResult> Problems,
    IReadOnlyList<string> Warnings);

/// <summary>One problem of a configuration.</summary>
internal sealed record ProblemResult(string Where, string? Key, string Problem);

/// <summary>The documented sample as JSON carries it.</summary>
internal sealed record SampleResult(string Sample);

/// <summary>One row of <c>plugins list</c>.</summary>
internal sealed record PluginResult(
    string Name,
    string? Version,
    string? Contract,
    string? Sha256,
    IReadOnlyList<string> Schemes,
    string? Description,
    string Path,
    string State,
    string? Problem);

/// <summary>What <c>plugins list</c> says.</summary>
internal sealed record PluginListResult(IReadOnlyList<PluginResult> Plugins, IReadOnlyList<string> Problems);

/// <summary>One row of <c>stores list</c>; sizes in bytes.</summary>
internal sealed record StoreResult(
    string Id,
    string Driver,
    string? Version,
    string? Contract,
    string? Sha256,
    bool Default,
    int Weight,
    string? Description,
    string State,
    string? Problem,
    long? TotalBytes,
    long? FreeBytes,
    IReadOnlyList<ProbeStepResult>? Probe,
    string? Disagreement = null);

/// <summary>One step of a store's probe; the verdict is <c>fine</c>, <c>doubtful</c> or <c>wrong</c>.</summary>
internal sealed record ProbeStepResult(string Step, string Verdict, double Milliseconds, string? Problem, string? Remedy)
{
    public static ProbeStepResult Of(ProbeStep step) =>
        new(step.Name, step.Verdict.ToString().ToLowerInvariant(), Math.Round(step.Took.TotalMilliseconds, 2), step.Problem, step.Remedy);
}

/// <summary>What <c>plugins test</c> says.</summary>
internal sealed record PluginTestResult(string Plugin, string? Version, int Passed, int Failed, int Skipped, IReadOnlyList<CaseResult> Cases);

/// <summary>One case of <c>plugins test</c>; the outcome is <c>passed</c>, <c>failed</c> or <c>skipped</c>.</summary>
internal sealed record CaseResult(string Case, string Outcome, double Seconds, string? Reason);

/// <summary>What <c>doctor</c> says.</summary>
internal sealed record DoctorResult(bool Healthy, IReadOnlyList<FindingResult> Findings);

/// <summary>One finding of <c>doctor</c>; the verdict is <c>fine</c>, <c>doubtful</c> or <c>wrong</c>.</summary>
internal sealed record FindingResult(string Check, string Verdict, string Text, string? Remedy);

/// <summary>What <c>stores list</c> says.</summary>
/// <param name="Stores">What is configured here.</param>
/// <param name="Disagreements">What else the gateways on one database do not see alike: the staging area, and stores that are not configured here.</param>
internal sealed record StoreListResult(IReadOnlyList<StoreResult> Stores, IReadOnlyList<string> Disagreements);

/// <summary>What <c>db migrate</c> says; the instance is null where the registry is not of one gateway.</summary>
internal sealed record MigrationResult(string Registry, string? InstanceId, string Version);

/// <summary>What <c>explain</c> says.</summary>
/// <param name="Allowed">Whether it is allowed.</param>
/// <param name="Status">The HTTP status of the refusal.</param>
/// <param name="Reason">What decided.</param>
/// <param name="Visibility">Why the caller sees the image, or not.</param>
/// <param name="Action">The rule's name.</param>
/// <param name="Image">The image's id.</param>
/// <param name="Project">The caller's project.</param>
/// <param name="User">The caller.</param>
/// <param name="Roles">The caller's roles.</param>
/// <param name="PolicyFile">The operator's file; null for none.</param>
/// <param name="Rules">The rules that were asked, in this order.</param>
internal sealed record ExplainResult(
    bool Allowed,
    int? Status,
    string Reason,
    string? Visibility,
    string Action,
    string? Image,
    string Project,
    string? User,
    IReadOnlyList<string> Roles,
    string? PolicyFile,
    IReadOnlyList<ExplainedRule> Rules);

/// <summary>One rule of <c>explain</c>; it is from the <c>file</c> or a <c>default</c>.</summary>
internal sealed record ExplainedRule(string Rule, string Check, string From, bool Holds, IReadOnlyList<ExplainedCheck> Checks);

/// <summary>One check of a rule.</summary>
internal sealed record ExplainedCheck(string Rule, string Check, bool Holds, string Because);

/// <summary>What <c>cache status</c> says; sizes in bytes.</summary>
internal sealed record CacheResult(string Directory, long StoredBytes, long MaxBytes, IReadOnlyList<CachedImageResult> Images);

/// <summary>What <c>mount check</c> says.</summary>
internal sealed record MountCheckSummary(string File, int Passed, int Failed, int Skipped, IReadOnlyList<CaseResult> Checks);

/// <summary>One row of <c>cache status</c>: how much of the image can be answered, and what it occupies.</summary>
internal sealed record CachedImageResult(
    string Image, long Bytes, long CachedBytes, long StoredBytes, bool Complete, bool Verified, bool Pinned, long Hits, DateTimeOffset LastAccessed);

/// <summary>What the <c>metadefs</c> commands say: names of namespaces, and the files that were written.</summary>
internal sealed record MetadefsResult(
    IReadOnlyList<string> Added, IReadOnlyList<string> Changed, IReadOnlyList<string> Skipped, IReadOnlyList<string> Removed, IReadOnlyList<string> Files);

/// <summary>What <c>serve</c> says when it answers: one line.</summary>
internal sealed record ServingResult(string Address, string? Mount, bool? Passthrough);

/// <summary>What <c>mount</c> says when the images are files: one line.</summary>
internal sealed record MountedResult(string Mount, int Images, bool Reachable, bool Passthrough, int ProcessId);

/// <summary>What <c>mount keep</c> says when it listens: one line.</summary>
internal sealed record KeepingResult(string Socket, int Mounts);

/// <summary>What <c>mount kept</c> says of one mount; without a process nobody serves it.</summary>
internal sealed record KeptResult(string Mount, uint User, int? ProcessId, uint Server);

/// <summary>What <c>mount stop</c> says; busy when files were still open.</summary>
internal sealed record UnmountedResult(string Mount, bool Busy);

/// <summary>What <c>mount pin</c> and its like say; an image without a problem is done.</summary>
internal sealed record SteeredResults(IReadOnlyList<SteeredResult> Images);

[JsonSerializable(typeof(SteeredResults))]
[JsonSerializable(typeof(VersionResult))]
[JsonSerializable(typeof(ConfigurationResult))]
[JsonSerializable(typeof(SampleResult))]
[JsonSerializable(typeof(PluginListResult))]
[JsonSerializable(typeof(StoreListResult))]
[JsonSerializable(typeof(MigrationResult))]
[JsonSerializable(typeof(DoctorResult))]
[JsonSerializable(typeof(PluginTestResult))]
[JsonSerializable(typeof(MountCheckSummary))]
[JsonSerializable(typeof(ExplainResult))]
[JsonSerializable(typeof(CacheResult))]
[JsonSerializable(typeof(MetadefsResult))]
internal sealed partial class CommandJson : JsonSerializerContext
{
    /// <summary>Snake case, for eyes as well as programs: quotes and umlauts stay readable, as nothing here ends up in HTML.</summary>
    public static CommandJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}

/// <summary>One line: whoever starts a gateway waits for it.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ServingResult))]
[JsonSerializable(typeof(MountedResult))]
[JsonSerializable(typeof(UnmountedResult))]
[JsonSerializable(typeof(KeepingResult))]
[JsonSerializable(typeof(KeptResult))]
internal sealed partial class LineJson : JsonSerializerContext;
