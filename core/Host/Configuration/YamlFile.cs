using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace GlanceGateway.Host.Configuration;

/// <summary>What a YAML file is for, in the words of messages.</summary>
/// <param name="Missing">What to do when there is no such file.</param>
/// <param name="Expected">What it holds, with an example.</param>
/// <param name="Empty">What to do when there is nothing in it; null when that is fine.</param>
internal sealed record YamlUse(string Missing, string Expected, string? Empty)
{
    public static YamlUse Configuration { get; } = new(
        "give an existing one with --config, or write one with 'glance-gateway config sample'",
        "keys and values, such as 'listen: 127.0.0.1:9292'; 'glance-gateway config sample' shows all of them",
        "'glance-gateway config sample' prints one to start from");

    public static YamlUse Policy { get; } = new(
        "write one, or correct policy.file in the configuration",
        "rules and checks, such as 'delete_image: \"role:admin\"'",
        Empty: null);
}

/// <summary>Reads the configuration file, or another one, into nodes that know their line.</summary>
/// <remarks>
/// It walks the parser's events rather than a loaded document, because that is where repeated keys, aliases and depth can be
/// refused with a line number before they cost anything: a document of nested aliases grows exponentially once loaded.
/// </remarks>
internal static class YamlFile
{
    /// <summary>The largest file that is read, in bytes. The documented sample has less than 8 KiB.</summary>
    private const int LargestFile = 1 << 20;

    /// <summary>Deeper than any key there is.</summary>
    private const int DeepestNesting = 10;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The root mapping; null after a problem that leaves nothing to bind.</summary>
    public static MappingNode? Read(string path, YamlUse use, List<ConfigurationProblem> problems) =>
        ReadText(path, use, problems) is { } text ? Parse(path, text, use, problems) : null;

    /// <summary>Reads text as if it were the content of a file named <paramref name="path"/>.</summary>
    public static MappingNode? Parse(string path, string text, YamlUse use, List<ConfigurationProblem> problems)
    {
        var parser = new Parser(new StringReader(text));
        try
        {
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _))
            {
                return Empty(path, use, problems);
            }

            parser.Consume<DocumentStart>();
            var node = ReadNode(parser, path, depth: 0, problems);
            parser.Consume<DocumentEnd>();
            if (parser.TryConsume<DocumentStart>(out var second))
            {
                problems.Add(new(At(path, second.Start), null, "a second document begins here; keep everything in one document, without '---' lines"));
            }

            switch (node)
            {
                case MappingNode mapping:
                    return mapping;
                case ScalarNode { Form: ScalarForm.Absent }:
                    return Empty(path, use, problems);
                default:
                    problems.Add(new(node.Origin, null, $"expected {use.Expected}"));
                    return null;
            }
        }
        catch (RefusedYamlException refusal)
        {
            problems.Add(refusal.Problem);
            return null;
        }
        catch (YamlException syntax)
        {
            problems.Add(new(
                TabAfter(text, syntax) is { } line ? $"{path} line {line}" : At(path, syntax.Start),
                null,
                $"this is not YAML: {Reason(syntax)}; check indentation, quotes and tabs"));
            return null;
        }
        catch (InvalidOperationException)
        {
            // The scanner of YamlDotNet 18.1 forgets its place in a plain scalar when a flow mapping is not closed.
            var start = parser.Current?.Start ?? Mark.Empty;
            problems.Add(new(At(path, start), null, "this is not YAML, from here on; check brackets, braces and quotes"));
            return null;
        }
    }

    /// <summary>The file's text; null after a problem.</summary>
    public static string? ReadText(string path, YamlUse use, List<ConfigurationProblem> problems)
    {
        try
        {
            if (Directory.Exists(path))
            {
                problems.Add(new(path, null, "this is a directory; give the path of a file"));
                return null;
            }

            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var buffer = new byte[LargestFile + 1];
            var length = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            if (length > LargestFile)
            {
                problems.Add(new(path, null, $"the file is larger than 1 MiB; expected {use.Expected}"));
                return null;
            }

            var text = StrictUtf8.GetString(buffer, 0, length);
            return text.StartsWith('\uFEFF') ? text[1..] : text;
        }
        catch (DecoderFallbackException fault)
        {
            problems.Add(new(path, null, $"the file is not UTF-8 text (byte {fault.Index} on is not valid); save it as UTF-8"));
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
        {
            problems.Add(new(path, null, $"there is no such file; {use.Missing}"));
        }
        catch (Exception fault) when (fault is UnauthorizedAccessException or IOException)
        {
            problems.Add(new(path, null, $"the file cannot be read by this user ({fault.Message}); check its owner and mode"));
        }

        return null;
    }

    private static MappingNode? Empty(string path, YamlUse use, List<ConfigurationProblem> problems)
    {
        if (use.Empty is null)
        {
            return new MappingNode(path);
        }

        problems.Add(new(path, null, $"the file is empty; {use.Empty}"));
        return null;
    }

    private static ConfigurationNode ReadNode(Parser parser, string path, int depth, List<ConfigurationProblem> problems)
    {
        var start = parser.Current!.Start;
        var origin = At(path, start);
        if (depth > DeepestNesting)
        {
            throw new RefusedYamlException(new(origin, null, $"nested deeper than {DeepestNesting} levels; no key is that deep"));
        }

        if (parser.Accept<AnchorAlias>(out _) || (parser.Accept<NodeEvent>(out var node) && !node.Anchor.IsEmpty))
        {
            throw new RefusedYamlException(new(origin, null, "anchors (&) and aliases (*) are not supported; write the value out, or quote it if it is text"));
        }

        if (parser.TryConsume<Scalar>(out var scalar))
        {
            var absent = scalar.Style == ScalarStyle.Plain && scalar.Value is "" or "~" or "null" or "Null" or "NULL";
            return new ScalarNode(origin, scalar.Value, absent ? ScalarForm.Absent : ScalarForm.Plain);
        }

        if (parser.TryConsume<SequenceStart>(out _))
        {
            var items = new List<ConfigurationNode>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                items.Add(ReadNode(parser, path, depth + 1, problems));
            }

            return new ListNode(origin, items);
        }

        parser.Consume<MappingStart>();
        var mapping = new MappingNode(origin);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var keyOrigin = At(path, parser.Current!.Start);
            if (ReadNode(parser, path, depth + 1, problems) is not ScalarNode key)
            {
                throw new RefusedYamlException(new(keyOrigin, null, "a key must be plain text; quote it if it begins with '[' or '{'"));
            }

            var value = ReadNode(parser, path, depth + 1, problems);
            if (!mapping.TryAdd(key.Value, value))
            {
                problems.Add(new(keyOrigin, key.Value, $"the key is here twice (first on {LineOf(mapping.Find(key.Value)!.Origin)}); keep one of them"));
            }
        }

        return mapping;
    }

    private static string At(string path, Mark mark) => $"{path} line {mark.Line}";

    private static string LineOf(string origin) => origin[(origin.LastIndexOf(" line ", StringComparison.Ordinal) + 1)..];

    /// <summary>The line that a tab indents: the parser names the line where it began to read what the tab spoils.</summary>
    private static long? TabAfter(string text, YamlException fault)
    {
        if (!fault.Message.Contains("tab", StringComparison.Ordinal))
        {
            return null;
        }

        var number = 0L;
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            var indentation = line[..^line.TrimStart().Length];
            if (++number >= fault.Start.Line && indentation.Contains('\t'))
            {
                return number;
            }
        }

        return null;
    }

    private static string Reason(YamlException fault) =>
        (fault.InnerException?.Message ?? fault.Message).TrimEnd('.');

    private sealed class RefusedYamlException(ConfigurationProblem problem) : Exception(problem.Text)
    {
        public ConfigurationProblem Problem { get; } = problem;
    }
}
