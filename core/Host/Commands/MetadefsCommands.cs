using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Logging;
using GlanceGateway.Images;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host.Commands;

/// <summary>
/// <c>metadefs load</c>, <c>unload</c>, <c>export</c>: definitions of properties in bulk, in the files that Glance's <c>glance-manage</c> takes.
/// Like <c>db migrate</c> they take the data directory of a SQLite registry, so no gateway may run on it; beside PostgreSQL gateways may run.
/// </summary>
internal sealed class MetadefsCommands(CommandTerminal terminal, TimeProvider time)
{
    private const long LargestFile = 16 << 20;

    private static readonly JsonDocumentOptions Reading = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    private readonly Argument<string?> _path = new("path")
    {
        HelpName = "DIR|FILE",
        Arity = ArgumentArity.ZeroOrOne,
        Description = "A JSON file, or a directory of them",
    };

    private readonly Argument<string[]> _names = new("namespace")
    {
        HelpName = "NAMESPACE",
        Arity = ArgumentArity.ZeroOrMore,
        Description = "Which namespaces; default: all",
    };

    private readonly Option<bool> _merge = new("--merge") { Description = "Add to namespaces that are there what they lack" };

    private readonly Option<bool> _preferNew = new("--prefer-new") { Description = "As --merge, and what both have becomes as in the file" };

    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Namespaces that are there become as in the file" };

    /// <summary>Gives <c>load</c> its argument and flags.</summary>
    public void AddLoadOptions(Command command)
    {
        _path.Description = "A JSON file, or a directory of them; default: the definitions that come with the gateway";
        command.Arguments.Add(_path);
        command.Options.Add(_merge);
        command.Options.Add(_preferNew);
        command.Options.Add(_overwrite);
        command.Validators.Add(line =>
        {
            if (line.GetValue(_overwrite) && (line.GetValue(_merge) || line.GetValue(_preferNew)))
            {
                line.AddError("--overwrite replaces whole namespaces, so it does not go with --merge or --prefer-new; give one of them");
            }
        });
    }

    /// <summary>Gives <c>unload</c> its argument.</summary>
    public void AddUnloadOptions(Command command) => command.Arguments.Add(_names);

    /// <summary>Gives <c>export</c> its argument.</summary>
    public static void AddExportOptions(Command command) => command.Arguments.Add(Directory());

    /// <summary>Loads definitions, all or none.</summary>
    public async Task<int> LoadAsync(GatewayConfiguration configuration, ParseResult line, bool json, CancellationToken cancellationToken)
    {
        var mode = line.GetValue(_overwrite) ? MetadefLoadMode.Overwrite
            : line.GetValue(_preferNew) ? MetadefLoadMode.PreferNew
            : line.GetValue(_merge) ? MetadefLoadMode.Merge
            : MetadefLoadMode.Skip;
        var files = line.GetValue(_path) is { } path ? Read(path) : MetadefLibrary.Defaults;
        var result = await OnRegistryAsync(configuration, registry => MetadefLibrary.LoadAsync(registry, files.Select(file => Checked(file)), mode, cancellationToken), cancellationToken);
        if (json)
        {
            terminal.WriteJson(new MetadefsResult(result.Added, result.Changed, result.Skipped, Removed: [], Files: []), CommandJson.Readable.MetadefsResult);
        }
        else
        {
            WriteLines("added", result.Added);
            WriteLines("changed", result.Changed);
            WriteLines("there already", result.Skipped);
        }

        return ExitCodes.Success;
    }

    /// <summary>Deletes definitions.</summary>
    public async Task<int> UnloadAsync(GatewayConfiguration configuration, ParseResult line, bool json, CancellationToken cancellationToken)
    {
        var names = line.GetValue(_names) is { Length: > 0 } given ? given : null;
        var gone = await OnRegistryAsync(configuration, registry => MetadefLibrary.UnloadAsync(registry, names, cancellationToken), cancellationToken);
        var missing = (names ?? []).Except(gone, StringComparer.Ordinal).ToList();
        if (json)
        {
            terminal.WriteJson(new MetadefsResult([], [], [], gone, []), CommandJson.Readable.MetadefsResult);
        }
        else
        {
            WriteLines("removed", gone);
        }

        foreach (var name in missing)
        {
            terminal.WriteError($"there is no namespace '{name}'");
        }

        return missing.Count == 0 ? ExitCodes.Success : ExitCodes.Failure;
    }

    /// <summary>Writes definitions, one file for each namespace. A file that is there is replaced.</summary>
    public async Task<int> ExportAsync(GatewayConfiguration configuration, ParseResult line, bool json, CancellationToken cancellationToken)
    {
        var directory = System.IO.Directory.CreateDirectory(line.GetRequiredValue<string>("directory"));
        var all = await OnRegistryAsync(configuration, registry => MetadefLibrary.ReadAllAsync(registry, cancellationToken), cancellationToken);
        List<string> files = [];
        foreach (var content in all)
        {
            var file = Path.Join(directory.FullName, FileName(content.Namespace.Name));
            await using (var stream = new FileStream(file, FileMode.Create, FileAccess.Write))
            await using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            {
                MetadefText.WriteFile(writer, content);
            }

            files.Add(file);
        }

        if (json)
        {
            terminal.WriteJson(new MetadefsResult([], [], [], [], files), CommandJson.Readable.MetadefsResult);
        }
        else
        {
            WriteLines("written", files);
        }

        return ExitCodes.Success;
    }

    private static Argument<string> Directory() => new("directory") { HelpName = "DIR", Description = "Where the files go; made when missing" };

    /// <summary>
    /// A name can hold what a file name cannot, and two names must not share a file: '::' becomes '-', whatever else is no plain character is
    /// written as its number, and what gets too long by that is cut and told apart by a hash.
    /// </summary>
    private static string FileName(string name)
    {
        // Linux takes 255 bytes; 80 characters written as numbers can be 800.
        const int Longest = 200;
        var plain = string.Concat(name.Replace("::", "\0", StringComparison.Ordinal).Select(c => c == '\0' ? "-" : char.IsAsciiLetterOrDigit(c) || c == '_' ? c.ToString() : $"%{(int)c:x4}"));
        return (plain.Length <= Longest ? plain : $"{plain[..Longest]}~{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 8))}") + ".json";
    }

    private static List<(string File, JsonElement Text)> Read(string path)
    {
        List<string> files = System.IO.Directory.Exists(path)
            ? [.. System.IO.Directory.EnumerateFiles(path, "*.json").Order(StringComparer.Ordinal)]
            : [path];
        return files.Count == 0
            ? throw new IOException($"there is no .json file in '{path}'")
            : [.. files.Select(file => (file, ReadFile(file)))];
    }

    private static JsonElement ReadFile(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read);
        if (stream.Length > LargestFile)
        {
            throw new IOException($"'{file}' is larger than {LargestFile >> 20} MiB; definitions are small");
        }

        try
        {
            using var document = JsonDocument.Parse(stream, Reading);
            return document.RootElement.Clone();
        }
        catch (JsonException fault)
        {
            throw new IOException($"'{file}' {JsonFault.PlaceOf(fault)}: {JsonFault.ReasonOf(fault)}", fault);
        }
    }

    /// <summary>The text of a file, refused with the file's name when it cannot be used.</summary>
    private static JsonElement Checked((string File, JsonElement Text) file)
    {
        try
        {
            MetadefText.ReadNamespace(file.Text, owner: null);
            return file.Text;
        }
        catch (ImageException refusal)
        {
            throw new IOException($"'{file.File}': {refusal.Message}", refusal);
        }
    }

    private async Task<T> OnRegistryAsync<T>(GatewayConfiguration configuration, Func<ImageRegistry, Task<T>> work, CancellationToken cancellationToken)
    {
        using var loggers = LoggerFactory.Create(builder => builder.AddGatewayLog(configuration.Log, terminal.Error, time));
        using var data = RegistryPlace.Postgres(configuration) is null ? DataDirectory.Open(configuration.DataDirectory, time) : null;
        await using var registry = await ImageRegistry.OpenAsync(RegistryPlace.Options(configuration, data), time, loggers, cancellationToken);
        return await work(registry);
    }

    private void WriteLines(string what, IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            terminal.Output.WriteLine($"{what}: {name}");
        }
    }
}
