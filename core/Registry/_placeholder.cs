namespace GlanceGateway;
