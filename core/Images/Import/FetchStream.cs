namespace GlanceGateway.Images;

/// <summary>A body on its way from somewhere else: a fault of the sender becomes what the user is told of it.</summary>
internal sealed class FetchStream(Stream body, Func<Exception, ImageException> refusal) : ForwardStream(body)
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or HttpRequestException)
        {
            throw refusal(failure);
        }
    }
}
