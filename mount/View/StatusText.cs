using System.Buffers;
using System.Text.Json;
using GlanceGateway.Fuse;

namespace GlanceGateway.View;

/// <summary>The page <c>/.status</c>: how the mount is, as a JSON document for people and scripts.</summary>
internal static class StatusText
{
    private static readonly JsonWriterOptions s_options = new() { Indented = true };

    internal static byte[] Of(ImageTree tree, OpenImages open, Examiner examiner, bool isFollowing, KeptMount? kept, ISourceStatus? source)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, s_options))
        {
            json.WriteStartObject();
            json.WriteNumber("images", tree.ImageCount);
            json.WriteNumber("bytes", tree.TotalBytes);
            json.WriteBoolean("catalogue_known", isFollowing);
            json.WriteBoolean("passthrough", open.MayPassThrough);
            json.WriteNumber("opens_passthrough", open.PassthroughOpens);
            json.WriteNumber("opens_copied", open.CopyOpens);
            json.WriteNumber("open_sources", open.Count);
            json.WriteNumber("examinations", examiner.Examinations);
            json.WriteBoolean("kept", kept?.IsKept ?? false);
            json.WriteNumber("server", kept?.Generation ?? 1);
            IReadOnlyList<(string Id, bool IsHidden, string Reason)> findings = examiner.Findings;
            WriteFindings(json, "not_shown", findings.Where(finding => finding.IsHidden));
            WriteFindings(json, "no_raw_view", findings.Where(finding => !finding.IsHidden));
            if (source is not null)
            {
                json.WriteStartObject("source");
                source.WriteStatus(json);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return [.. buffer.WrittenSpan, (byte)'\n'];
    }

    private static void WriteFindings(Utf8JsonWriter json, string name, IEnumerable<(string Id, bool IsHidden, string Reason)> findings)
    {
        json.WriteStartArray(name);
        foreach ((string id, _, string reason) in findings)
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteString("reason", reason);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
