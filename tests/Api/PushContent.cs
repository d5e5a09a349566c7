using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace GlanceGateway.Api.Tests;

/// <summary>A body of unknown length: sent in chunks.</summary>
internal sealed class PushContent : HttpContent
{
    private readonly byte[] bytes;

    public PushContent(string text) : this(Encoding.UTF8.GetBytes(text))
    {
    }

    public PushContent(byte[] bytes)
    {
        this.bytes = bytes;
        Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => stream.WriteAsync(bytes).AsTask();

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
