using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace GlanceGateway.Api;

/// <summary>JSON on its way to a client.</summary>
internal static class JsonAnswer
{
    /// <summary>How it is written: non-ASCII as UTF-8 (but characters beyond U+FFFF as escapes, which the platform insists on). An answer is
    /// never part of a page, so nothing is escaped for HTML.</summary>
    public static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Answers with JSON. It is whole before its first byte leaves, so that a fault on the way is still an error answer.</summary>
    public static async Task WriteAsync(HttpContext http, int status, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        await using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
            write(writer);
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = buffer.WrittenCount;
        await http.Response.Body.WriteAsync(buffer.WrittenMemory, http.RequestAborted);
        if (http.Features.Get<RequestJournal>() is { } journal)
            journal.BytesSent += buffer.WrittenCount;
    }
}
