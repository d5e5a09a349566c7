using GlanceGateway.Images;

namespace GlanceGateway.Host.Configuration;

/// <summary>Reads <c>import</c>: by which ways other than an upload data may come in.</summary>
internal static class ImportBinder
{
    private static readonly string[] methods = [ImportMethodNames.GlanceDirect, ImportMethodNames.WebDownload, ImportMethodNames.GlanceDownload, ImportMethodNames.CopyImage];

    private static readonly ImageSchema schema = new(new ImageOptions());

    public static ImportConfiguration Bind(Section? section, string data)
    {
        if (section is null)
        {
            return new();
        }

        var plugins = ImportStepNames.All.ToArray();
        var defaults = new ImportOptions();
        var configuration = new ImportConfiguration
        {
            StagingStore = section.Text("staging_store", "the id of a store"),
            Options = defaults with
            {
                Methods = section.List(
                    "methods", $"import methods; known: {string.Join(", ", methods)}", scalar => Array.Find(methods, method => method == scalar.Value))
                    ?? defaults.Methods,
                Plugins = section.List(
                    "plugins", $"import plugins; known: {string.Join(", ", plugins)}", scalar => Array.Find(plugins, plugin => plugin == scalar.Value)) ?? [],
                Decompression = BindDecompression(section.Child("decompression", "'max_ratio: 1000'")),
                Conversion = BindConversion(section.Child("conversion", "'output_format: raw'"), data),
                Inject = BindInject(section.Child("inject_metadata", "'properties: [os_distro=debian]'")),
                CopiedProperties = BindDownload(section.Child("glance_download", "'properties: [hw_, os_type]'")) ?? defaults.CopiedProperties,
                ParallelImports = section.Number("parallel_imports", 1, 1000) ?? defaults.ParallelImports,
                ParallelStores = section.Number("parallel_stores", 1, 100) ?? defaults.ParallelStores,
                TaskLifetime = section.Duration("task_lifetime", TimeSpan.FromMinutes(1), TimeSpan.FromDays(365)) ?? defaults.TaskLifetime,
            },
        };
        section.Finish();
        return configuration;
    }

    private static DecompressionOptions BindDecompression(Section? section)
    {
        var options = new DecompressionOptions();
        options = options with { MaxRatio = section?.Number("max_ratio", 2, 1_000_000) ?? options.MaxRatio };
        section?.Finish();
        return options;
    }

    private static IReadOnlyList<string>? BindDownload(Section? section)
    {
        var properties = section?.Texts("properties", "how names begin, such as [hw_, os_type]");
        section?.Finish();
        return properties;
    }

    private static ConversionOptions BindConversion(Section? section, string data)
    {
        var options = new ConversionOptions { ScratchDirectory = DataDirectory.ScratchIn(data) };
        if (section is null)
        {
            return options;
        }

        options = options with
        {
            OutputFormat = section.Read("output_format", "raw, qcow2 or vmdk", scalar => scalar.Value is "raw" or "qcow2" or "vmdk" ? scalar.Value : null) ?? options.OutputFormat,
            ScratchDirectory = section.Directory("directory") ?? options.ScratchDirectory,
            ScratchBytes = section.Size("scratch_size", least: 1 << 20) ?? options.ScratchBytes,
            Parallel = section.Number("parallel", 1, 100) ?? options.Parallel,
            MemoryBytes = section.Size("memory", least: 256L << 20) ?? options.MemoryBytes,
            ProcessorTime = section.Duration("processor_time", TimeSpan.FromSeconds(1), TimeSpan.FromDays(7)) ?? options.ProcessorTime,
            Timeout = section.Duration("timeout", TimeSpan.FromSeconds(1), TimeSpan.FromDays(7)) ?? options.Timeout,
        };
        section.Finish();
        return options;
    }

    private static InjectOptions BindInject(Section? section)
    {
        var options = new InjectOptions();
        if (section is null)
        {
            return options;
        }

        var properties = section.List("properties", "NAME=VALUE, such as [os_distro=debian], and no name of the gateway's own", scalar => (object?)ParseProperty(scalar.Value)) ?? [];
        options = options with
        {
            // Of two values for a name the later one counts.
            Properties = properties.Cast<KeyValuePair<string, string>>().GroupBy(property => property.Key, StringComparer.Ordinal)
                .ToDictionary(group => group.Key, group => group.Last().Value, StringComparer.Ordinal),
            IgnoreUserRoles = [.. (section.Texts("ignore_user_roles", "roles, such as [admin]") ?? options.IgnoreUserRoles).Select(role => role.ToLowerInvariant())],
        };
        section.Finish();
        return options;
    }

    private static KeyValuePair<string, string>? ParseProperty(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var name = equals < 0 ? "" : text[..equals].Trim();
        return name.Length is > 0 and <= 255 && !name.StartsWith("os_glance", StringComparison.Ordinal) && schema.Find(name) is not { IsBase: true }
            ? KeyValuePair.Create(name, text[(equals + 1)..].Trim())
            : null;
    }
}
