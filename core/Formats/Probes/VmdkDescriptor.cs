using System.Text;

namespace GlanceGateway.Formats.Probes;

/// <summary>
/// The text inside a VMDK: comments, <c>key=value</c> lines, lines of extents such as <c>RW 4192256 SPARSE "disk.vmdk"</c>, and the disk database
/// (<c>ddb.…</c>). Readers differ in how they look for things in it, some by searching the whole text for a word, so what could be understood in
/// two ways is refused. The allowed kinds hold all data in the file itself: one extent, of the type SPARSE.
/// </summary>
internal static class VmdkDescriptor
{
    private static readonly string[] allowedKinds = ["monolithicSparse", "streamOptimized"];

    /// <summary>Whether these first bytes of a file begin a bare descriptor; null when they are only comments and blank lines so far.</summary>
    public static bool? Recognise(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var end = bytes.IndexOfAny((byte)'\n', (byte)'\r');
            var line = (end < 0 ? bytes : bytes[..end]).Trim(" \t"u8);
            if (line.Length > 0 && (line[0] != (byte)'#' || line.Contains((byte)0)))
            {
                return end < 0 && line.Length < "version="u8.Length && StartsWith("version="u8, line) ? null : StartsWith(line, "version="u8);
            }

            if (StartsWith(line, "# Disk DescriptorFile"u8))
            {
                return true;
            }

            bytes = end < 0 ? [] : bytes[(end + 1)..];
        }

        return null;
    }

    /// <summary>What is wrong with a descriptor: names of checks and reasons.</summary>
    public static List<(string Check, string Reason)> Check(ReadOnlySpan<byte> text, out string? kind)
    {
        var failures = new List<(string Check, string Reason)>();
        var extents = 0;
        kind = null;
        foreach (var range in text.SplitAny("\r\n"u8))
        {
            var line = text[range].Trim(" \t"u8);
            if (line.Length == 0 || line[0] == (byte)'#' || line.StartsWith("ddb"u8))
            {
                continue;
            }

            if (IsExtent(line))
            {
                extents++;
                if (extents > 1 || !IsSparse(line))
                {
                    Fail(SafetyChecks.DataFile, "its description lists data outside the file");
                }

                if (line.ContainsAny((byte)'/', (byte)'\\'))
                {
                    Fail(SafetyChecks.DataFile, "its description names a file with a path");
                }

                continue;
            }

            var equals = line.IndexOf((byte)'=');
            var key = equals < 0 ? [] : line[..equals];
            if (key.Length == 0 || key.ContainsAny((byte)' ', (byte)'\t'))
            {
                Fail(SafetyChecks.Descriptor, "its description has a line that is no part of one");
                continue;
            }

            var value = line[(equals + 1)..].Trim(" \t\""u8);
            if (key.SequenceEqual("createType"u8))
            {
                kind = Word(value);
            }
            else if (StartsWith(key, "parentCID"u8) && !(value.Length == 8 && StartsWith(value, "ffffffff"u8)))
            {
                Fail(SafetyChecks.BackingFile, "it takes part of its data from a parent");
            }
        }

        // QEMU looks for these words anywhere, in comments too.
        if (text.IndexOf("parentFileNameHint"u8) >= 0)
        {
            Fail(SafetyChecks.BackingFile, "it takes part of its data from a parent");
        }

        if (kind is null || text.Count("createType"u8) > 1)
        {
            Fail(SafetyChecks.Kind, "its description does not say once of which kind it is");
        }
        else if (!allowedKinds.Contains(kind))
        {
            Fail(SafetyChecks.Kind, $"it is of the kind '{kind}'; only {string.Join(" and ", allowedKinds)} are taken");
        }

        if (extents == 0)
        {
            Fail(SafetyChecks.Descriptor, "its description lists no extent");
        }

        return failures;

        void Fail(string check, string reason)
        {
            if (!failures.Exists(failure => failure.Check == check))
            {
                failures.Add((check, reason));
            }
        }
    }

    private static bool IsExtent(ReadOnlySpan<byte> line)
    {
        var end = line.IndexOfAny((byte)' ', (byte)'\t');
        var access = end < 0 ? line : line[..end];
        return EqualsWord(access, "RW"u8) || EqualsWord(access, "RDONLY"u8) || EqualsWord(access, "NOACCESS"u8);
    }

    /// <summary>Whether an extent, <c>RW 20480 SPARSE "name"</c>, is of the type that the allowed kinds have.</summary>
    private static bool IsSparse(ReadOnlySpan<byte> line)
    {
        var words = 0;
        foreach (var range in line.SplitAny(" \t"u8))
        {
            if (line[range].Length > 0 && ++words == 3)
            {
                return EqualsWord(line[range], "SPARSE"u8);
            }
        }

        return false;
    }

    private static bool EqualsWord(ReadOnlySpan<byte> text, ReadOnlySpan<byte> word) => Ascii.EqualsIgnoreCase(text, word);

    private static bool StartsWith(ReadOnlySpan<byte> text, ReadOnlySpan<byte> word) =>
        text.Length >= word.Length && Ascii.EqualsIgnoreCase(text[..word.Length], word);

    /// <summary>A value of the image as it may stand in a message: letters and digits, not many.</summary>
    private static string Word(ReadOnlySpan<byte> value)
    {
        var word = new StringBuilder();
        foreach (var c in value[..Math.Min(value.Length, 32)])
        {
            word.Append(char.IsAsciiLetterOrDigit((char)c) ? (char)c : '?');
        }

        return word.ToString();
    }
}
