using System.Text.Json.Nodes;
using GlanceGateway.Abstractions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace GlanceGateway.Client;

/// <summary>
/// Settings from <c>clouds.yaml</c>, found and read as the OpenStack clients do: the first of the working directory, <c>~/.config/openstack</c> and
/// <c>/etc/openstack</c> that has one, or <c>OS_CLIENT_CONFIG_FILE</c>; <c>secure.yaml</c> is found in the same way and laid over it; a cloud's
/// <c>profile</c> in <c>clouds-public.yaml</c> lies below it.
/// </summary>
/// <param name="get">Gives an environment variable's value, or null.</param>
/// <param name="workingDirectory">Where the search begins.</param>
/// <param name="systemDirectory">Where it ends; <c>/etc/openstack</c>.</param>
public sealed class CloudFiles(Func<string, string?> get, string workingDirectory, string systemDirectory = "/etc/openstack")
{
    private static readonly string[] s_endings = ["yaml", "yml", "json"];

    private const int LargestFile = 1 << 20;
    private const int DeepestNesting = 20;

    /// <summary>Reads a cloud.</summary>
    /// <param name="name">Its name below <c>clouds</c>.</param>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>: there is no such file or cloud, or it cannot be read.</exception>
    public CloudSettings Read(string name)
    {
        var file = Find("OS_CLIENT_CONFIG_FILE", "clouds")
            ?? throw new StoreException(StoreError.Misconfigured, $"There is no clouds.yaml in {string.Join(", ", Directories())}; cloud '{name}' cannot be looked up.");
        var clouds = Load(file)["clouds"] as JsonObject ?? [];
        if (Find("OS_CLIENT_SECURE_FILE", "secure") is { } secret && Load(secret)["clouds"] is JsonObject secrets)
            Lay(secrets, clouds);
        if (clouds[name] is not JsonObject cloud)
            throw new StoreException(StoreError.Misconfigured, $"{file} has no cloud '{name}'; it has {string.Join(", ", clouds.Select(pair => $"'{pair.Key}'"))}.");
        if ((Text(cloud["profile"]) ?? Text(cloud["cloud"])) is { } profile)
        {
            var vendors = Find("OS_CLIENT_VENDOR_FILE", "clouds-public") is { } publicFile ? Load(publicFile)["public-clouds"] as JsonObject : null;
            if (vendors?[profile] is not JsonObject vendor)
                throw new StoreException(StoreError.Misconfigured, $"{file}: profile '{profile}' of cloud '{name}' is not in a clouds-public.yaml; write what it says into the cloud.");
            vendor = (JsonObject)vendor.DeepClone();
            Lay(cloud, vendor);
            cloud = vendor;
        }

        return new CloudSettings($"cloud '{name}' in {file}", Values(cloud));
    }

    private static IEnumerable<KeyValuePair<string, string>> Values(JsonObject cloud)
    {
        foreach (var (key, value) in cloud)
        {
            if (Text(value) is { } text)
                yield return KeyValuePair.Create(key, text);
            else if (key == "auth" && value is JsonObject auth)
            {
                foreach (var (inner, secret) in auth)
                {
                    if (Text(secret) is { } content)
                        yield return KeyValuePair.Create(inner, content);
                }
            }
            else if (key == "regions" && cloud["region_name"] is null && value is JsonArray { Count: > 0 } regions
                && (Text(regions[0]) ?? Text((regions[0] as JsonObject)?["name"])) is { } region)
                yield return KeyValuePair.Create("region_name", region);
        }
    }

    private static string? Text(JsonNode? node) => (node as JsonValue)?.ToString();

    /// <summary>Lays a tree over another.</summary>
    private static void Lay(JsonObject upper, JsonObject lower)
    {
        foreach (var (key, value) in upper)
        {
            if (value is JsonObject inner && lower[key] is JsonObject below)
                Lay(inner, below);
            else
                lower[key] = value?.DeepClone();
        }
    }

    private static JsonObject Load(string file)
    {
        try
        {
            if (new FileInfo(file).Length > LargestFile)
                throw new StoreException(StoreError.Misconfigured, $"{file} is larger than {LargestFile >> 10} KiB.");
            using StreamReader reader = new(file);
            YamlStream yaml = [];
            yaml.Load(reader);
            return yaml.Documents.Count > 0 && ToJson(yaml.Documents[0].RootNode, file, depth: 0) is JsonObject root ? root : [];
        }
        catch (YamlException fault)
        {
            // The parser's own message may quote the line, and the line may hold a password.
            throw new StoreException(StoreError.Misconfigured, $"{file}, line {fault.Start.Line}: this is not YAML.");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreError.Misconfigured, $"{file} cannot be read: {fault.Message}");
        }
    }

    private static JsonNode? ToJson(YamlNode node, string file, int depth)
    {
        if (depth > DeepestNesting)
            throw new StoreException(StoreError.Misconfigured, $"{file}, line {node.Start.Line}: this is nested too deeply.");
        switch (node)
        {
            case YamlScalarNode scalar:
                return JsonValue.Create(scalar.Value ?? "");
            case YamlSequenceNode sequence:
                return new JsonArray([.. sequence.Children.Select(child => ToJson(child, file, depth + 1))]);
            case YamlMappingNode mapping:
                JsonObject made = [];
                foreach (var (key, value) in mapping.Children)
                    made[(key as YamlScalarNode)?.Value ?? ""] = ToJson(value, file, depth + 1);
                return made;
            default:
                return null;
        }
    }

    private string? Find(string variable, string name)
    {
        if (get(variable) is { Length: > 0 } given)
            return given;
        return Directories().SelectMany(directory => s_endings.Select(ending => Path.Join(directory, $"{name}.{ending}"))).FirstOrDefault(File.Exists);
    }

    private IEnumerable<string> Directories()
    {
        yield return workingDirectory;
        if (get("XDG_CONFIG_HOME") is { Length: > 0 } configuration)
            yield return Path.Join(configuration, "openstack");
        else if (get("HOME") is { Length: > 0 } home)
            yield return Path.Join(home, ".config/openstack");
        yield return systemDirectory;
    }
}
