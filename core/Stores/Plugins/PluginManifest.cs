using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>The <c>plugin.json</c> beside a plugin's assembly: what the host may know before it runs any of the plugin's code.</summary>
/// <param name="Name">The driver's name, as a store's configuration gives it.</param>
/// <param name="Version">The plugin's own version, for people.</param>
/// <param name="Contract">The <see cref="DriverContract.Version"/> it was built against.</param>
/// <param name="Assembly">The file name of its assembly, in the same folder.</param>
/// <param name="Schemes">The URI schemes of its locations, in lower case.</param>
/// <param name="Description">One sentence.</param>
/// <param name="Unloadable">Whether its code may be unloaded once its last driver is disposed: neither it nor a library that it brings leaves anything
/// of its own in tables of the process, no native library calls it after that, and no thread of its own runs on.</param>
public sealed partial record PluginManifest(
    string Name,
    string Version,
    string Contract,
    string Assembly,
    IReadOnlyList<string> Schemes,
    string Description,
    bool Unloadable = false)
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "plugin.json";

    private const int MaximumBytes = 64 * 1024;

    /// <summary>Reads a manifest strictly: every key known, none twice, and all present but <c>unloadable</c>.</summary>
    /// <exception cref="StoreException">With <see cref="StoreError.Misconfigured"/> and what is wrong with the file.</exception>
    public static PluginManifest Read(string path)
    {
        PluginManifest? manifest;
        try
        {
            if (new FileInfo(path).Length > MaximumBytes)
                throw Wrong($"is larger than {MaximumBytes / 1024} KiB");
            manifest = JsonSerializer.Deserialize(File.ReadAllBytes(path), ManifestJson.Default.PluginManifest);
        }
        catch (JsonException exception)
        {
            throw Wrong($"cannot be read: {exception.Message}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Wrong($"cannot be opened: {exception.Message}");
        }

        if (manifest is null)
            throw Wrong("is null");
        if (!NamePattern().IsMatch(manifest.Name))
            throw Wrong("has a name that is not 1 to 32 lower-case letters, digits, '-' or '_' after a letter");
        if (!ContractPattern().IsMatch(manifest.Contract))
            throw Wrong("has a contract that is not major.minor");
        if (manifest.Assembly != Path.GetFileName(manifest.Assembly) || !manifest.Assembly.EndsWith(".dll", StringComparison.Ordinal))
            throw Wrong("has an assembly that is not the name of a .dll beside it");
        if (manifest.Schemes.Count == 0 || manifest.Schemes.Any(scheme => scheme is null || !SchemePattern().IsMatch(scheme)))
            throw Wrong("has schemes that are not a list of lower-case URI schemes");
        return manifest;
    }

    private static StoreException Wrong(string what) => new(StoreError.Misconfigured, $"{FileName} {what}.");

    [GeneratedRegex(@"^[a-z][a-z0-9_-]{0,31}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"^[0-9]{1,4}\.[0-9]{1,4}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ContractPattern();

    [GeneratedRegex(@"^[a-z][a-z0-9+.-]{0,31}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SchemePattern();
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(PluginManifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;
