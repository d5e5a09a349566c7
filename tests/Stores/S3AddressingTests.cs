using Amazon.Runtime.Endpoints;
using Amazon.S3.Endpoints;
using Amazon.S3.Internal;
using GlanceGateway.Plugins.S3;

namespace GlanceGateway.Stores.Tests;

/// <summary>Where the S3 driver sends its requests, beside what the SDK's own rules say.</summary>
public sealed class S3AddressingTests
{
    [Theory]
    [InlineData("http://127.0.0.1:8080", "images", "path")]
    [InlineData("https://storage.example", "images", "path")]
    [InlineData("https://storage.example:9000", "images", "virtual")]
    [InlineData("http://storage.example", "glance.images", "virtual")]
    [InlineData("https://storage.example", "glance.images", "virtual")]
    [InlineData("https://storage.example", "old-Images_1", "path")]
    [InlineData("https://s3.eu-central-1.amazonaws.com", "glance-images", "auto")]
    [InlineData("https://s3.eu-central-1.amazonaws.com", "glance.images", "auto")]
    public void Bucket_lies_where_the_sdk_has_it(string endpoint, string bucket, string addressing)
    {
        var options = new Dictionary<string, object?>
        {
            ["endpoint"] = endpoint, ["bucket"] = bucket, ["addressing"] = addressing, ["region"] = "eu-central-1", ["access_key"] = "key", ["secret_key"] = "secret",
        };
        var settings = S3Settings.Read(OptionReader.Read(S3Settings.Options, options));
        var parameters = new S3EndpointParameters { Bucket = bucket, Endpoint = endpoint, ForcePathStyle = settings.PathStyle, Region = "eu-central-1" };

        var theirs = new AmazonS3EndpointProvider().ResolveEndpoint(parameters);
        var ours = new BucketEndpoint(settings).ResolveEndpoint(parameters);

        Assert.Equal(theirs.URL, ours.URL);
        Assert.Equal(SigningOf(theirs), SigningOf(ours));
        Assert.Equal(("sigv4", "s3", "eu-central-1", "True"), SigningOf(ours));
        Assert.True(BucketEndpoint.Knows(settings));
    }

    private static (string? Name, string? Service, string? Region, string? Once) SigningOf(Endpoint endpoint)
    {
        var scheme = (PropertyBag)((System.Collections.IList)endpoint.Attributes["authSchemes"])[0]!;
        return (scheme["name"]?.ToString(), scheme["signingName"]?.ToString(), scheme["signingRegion"]?.ToString(), scheme["disableDoubleEncoding"]?.ToString());
    }
}
